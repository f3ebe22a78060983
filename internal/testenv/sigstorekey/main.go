// Command sigstorekey makes a key pair for tests of signing, in the format of cosign:
// sigstorekey NAME PASSPHRASE writes NAME.key and NAME.pub.
package main

import (
	"fmt"
	"os"

	"go.podman.io/image/v5/signature/sigstore"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: sigstorekey NAME PASSPHRASE")
	}
	pair, err := sigstore.GenerateKeyPair([]byte(args[1]))
	if err != nil {
		return fmt.Errorf("making a key pair: %w", err)
	}
	if err := os.WriteFile(args[0]+".key", pair.PrivateKey, 0o600); err != nil {
		return err
	}
	return os.WriteFile(args[0]+".pub", pair.PublicKey, 0o644)
}
