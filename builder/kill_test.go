package builder

const childName = "builder-test-child"

func childMain() {}
