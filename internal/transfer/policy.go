package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

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

// PolicyError is an image that the signature policy refuses.
type PolicyError struct {
	Rule  string // which one it is
	File  string // where the rule is
	cause error
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("%s (%s in %q)", strings.TrimSuffix(oneLine(e.cause), "."), e.Rule, e.File)
}
func (e *PolicyError) Unwrap() error { return e.cause }

// rejected recognizes the verdict of the copier, which has stored nothing then, and
// says what it follows from.
func rejected(err error, sys *types.SystemContext, policy *signature.Policy, ref types.ImageReference) error {
	if err == nil || !strings.Contains(err.Error(), "Source image rejected") {
		return err
	}
	rule := ruleFor(policy, ref)
	return &PolicyError{Rule: rule, File: policyFile(sys), cause: err}
}

// ruleFor finds the rule as the library does: the most specific scope wins.
func ruleFor(policy *signature.Policy, ref types.ImageReference) string {
	transport := ref.Transport().Name()
	scopes := policy.Transports[transport]
	for _, scope := range slices.Concat([]string{ref.PolicyConfigurationIdentity()}, ref.PolicyConfigurationNamespaces(), []string{""}) {
		if rules, ok := scopes[scope]; ok {
			return fmt.Sprintf("rule %s for %q, scope %q,", kinds(rules), transport, scope)
		}
	}
	return fmt.Sprintf("rule %s, the default,", kinds(policy.Default))
}

// kinds are the types of rules as policy.json has them.
func kinds(rules signature.PolicyRequirements) string {
	list := make([]string, 0, len(rules))
	for _, rule := range rules {
		var shown struct {
			Type string `json:"type"`
		}
		if data, err := json.Marshal(rule); err == nil && json.Unmarshal(data, &shown) == nil {
			list = append(list, strconv.Quote(shown.Type))
		}
	}
	return strings.Join(list, " and ")
}

// policyFile is the file that the library has read.
func policyFile(sys *types.SystemContext) string {
	if sys.SignaturePolicyPath != "" {
		return sys.SignaturePolicyPath
	}
	for item, err := range configfile.Read(&configfile.File{
		Name: "policy", Extension: "json", DoNotLoadDropInFiles: true, EnvironmentName: "CONTAINERS_POLICY_JSON", ErrorIfNotFound: true,
	}) {
		if err == nil {
			return item.Name
		}
	}
	return "policy.json"
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
