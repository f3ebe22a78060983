package transfer

import (
	"errors"
	"fmt"
	"io/fs"

	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"
)

// errNoPolicy is a machine that does not say which images to trust.
var errNoPolicy = errors.New(`no signature policy: write {"default":[{"type":"insecureAcceptAnything"}]} to /etc/containers/policy.json to accept every image, or name a policy with --signature-policy`)

// pullPolicy judges images from elsewhere. The caller destroys it.
func pullPolicy(sys *types.SystemContext) (*signature.PolicyContext, error) {
	policy, err := readPolicy(sys)
	if noPolicy(err) && sys.SignaturePolicyPath == "" {
		return nil, errNoPolicy
	}
	if err != nil {
		return nil, err
	}
	return newPolicy(policy)
}

// pushPolicy judges images of the store: these are always accepted, so a machine
// without a policy may push too. The caller destroys it.
func pushPolicy(sys *types.SystemContext) (*signature.PolicyContext, error) {
	policy, err := readPolicy(sys)
	if noPolicy(err) && sys.SignaturePolicyPath == "" {
		policy, err = &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRReject()}}, nil
	}
	if err != nil {
		return nil, err
	}
	return newPolicy(policy)
}

// noPolicy tells that the policy's file is missing, be it the one that the
// environment names or all of the usual ones.
func noPolicy(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, configfile.ErrConfigFileNotFound)
}

func readPolicy(sys *types.SystemContext) (*signature.Policy, error) {
	policy, err := signature.DefaultPolicy(sys)
	if err != nil {
		return nil, fmt.Errorf("reading the signature policy: %w", err)
	}
	return policy, nil
}

func newPolicy(policy *signature.Policy) (*signature.PolicyContext, error) {
	if policy.Transports == nil {
		policy.Transports = map[string]signature.PolicyTransportScopes{}
	}
	// What is in the store was judged when it came in.
	policy.Transports["containers-storage"] = signature.PolicyTransportScopes{
		"": signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()},
	}
	pc, err := signature.NewPolicyContext(policy)
	if err != nil {
		return nil, fmt.Errorf("applying the signature policy: %w", err)
	}
	return pc, nil
}
