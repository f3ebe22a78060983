package main

import "fmt"

// allowFlags are rights that a Dockerfile may ask for.
type allowFlags struct{ insecure bool }

func (f *allowFlags) options() []*option {
	return []*option{
		newOption("allow", "RIGHT", "let RUN have a right: security.insecure, or network.host, which it has anyway", func(word string) error {
			switch word {
			case "security.insecure":
				f.insecure = true
			case "network.host": // Dockerfiles of this program may always use it
			default:
				return fmt.Errorf("no such right: security.insecure and network.host are")
			}
			return nil
		}),
	}
}
