package main

// signing are the flags of commands that write images.
func (r *registryFlags) signing() []*option {
	s := &r.registry.Sign
	return []*option{
		textOption("sign-by", "FINGERPRINT", &s.Fingerprint, "sign the image with this GPG key"),
		textOption("sign-by-sigstore", "FILE", &s.Parameters, "sign the image for sigstore as the parameters in FILE say"),
		textOption("sign-by-sigstore-private-key", "FILE", &s.PrivateKey, "sign the image for sigstore with the private key in FILE"),
		textOption("sign-passphrase-file", "FILE", &s.PassphraseFile, "read the passphrase of the signing key from FILE"),
	}
}
