FROM containers-storage:x
