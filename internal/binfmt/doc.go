// Package binfmt finds out for which other machines the kernel runs programs: those
// for which binfmt_misc knows an interpreter, such as an emulator of qemu.
package binfmt
