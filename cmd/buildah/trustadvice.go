package main

import (
	"errors"

	"github.com/projectatomic/buildah/internal/transfer"
)

// trustHints say how to go on where signatures, policies or keys stand in the way.
func trustHints(err error) []string {
	var (
		refused     *transfer.PolicyError
		encrypted   *transfer.EncryptedError
		lost        *transfer.SignatureLossError
		attachments *transfer.NoAttachmentsError
	)
	switch {
	case errors.As(err, &refused):
		return []string{"have the image signed as that rule wants it, change the rule, or name another policy with --signature-policy"}
	case errors.As(err, &encrypted):
		return []string{"give a private key that fits with --decryption-key FILE[:PASSPHRASE]"}
	case errors.As(err, &lost):
		return []string{"use --remove-signatures to write the image without them, and --sign-by to sign it anew"}
	case errors.As(err, &attachments):
		return []string{"write \"docker: {" + attachments.Repository + ": {use-sigstore-attachments: true}}\" to a file in /etc/containers/registries.d, or in ~/.config/containers/registries.d"}
	}
	return nil
}
