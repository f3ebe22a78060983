package security

import (
	"strings"
	"testing"
)

// TestSecretsStayInMemory: a secret is for the user of one RUN, and in no file
// afterwards, not even in one that was deleted from the store's own places.
func TestSecretsStayInMemory(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		const secret = "s3cret-canary-text"
		p.write("home/secret", secret)
		dockerfile := "FROM " + baseImage + "\nARG A=1\n" +
			"RUN --mount=type=secret,id=f test \"$(stat -c %a:%u:%g /run/secrets/f)\" = 400:0:0; wc -c </run/secrets/f\n" +
			"RUN --mount=type=secret,id=f,uid=1000,mode=0440,target=/s cat /s | md5sum; test \"$(stat -c %a:%u:%g /s)\" = 440:1000:0\n" +
			"RUN --mount=type=secret,id=e,env=IN_ENV test -n \"$IN_ENV\"\n" +
			"USER 1000:1000\n" +
			"RUN --mount=type=secret,id=f cat /run/secrets/f | md5sum; test \"$(stat -c %a:%u /run/secrets/f)\" = 400:1000\n" +
			"RUN ! test -e /run/secrets/f && ! env | grep IN_ENV && ! test -e /s\n" +
			"RUN --mount=type=secret,id=f false\n"
		flags := []string{"--secret", "id=f,src=" + p.path("home/secret"), "--secret", "id=e,env=SECRET_VARIABLE"}
		p.env = append(p.env, "SECRET_VARIABLE="+secret)
		p.write("Dockerfile", dockerfile)
		for _, more := range [][]string{{"--layers"}, {"--layers"}, {"--log-level=debug"}, {"--print-script"}} {
			args := []string{"build", "-t", "built", "-f", p.path("Dockerfile")}
			if strings.HasPrefix(more[0], "--log") {
				args, more = append(more, args...), nil
			}
			r := p.buildah(append(append(append(args, flags...), more...), p.path("context"))...)
			if strings.Contains(r.out+r.err, secret) {
				t.Errorf("%s shows the secret:\n%s%s", r.what, r.out, r.err)
			}
			if strings.Contains(r.what, "print-script") {
				r.ok()
			} else {
				r.refused("Dockerfile:9")
			}
			if left := mountsBelow(t, p.dir); len(left) > 0 && !p.mode.user {
				for _, m := range left {
					if strings.Contains(m, "secret") {
						t.Errorf("still mounted: %s", m)
					}
				}
			}
		}
		p.build(strings.TrimSuffix(dockerfile, "RUN --mount=type=secret,id=f false\n"), flags...).ok()
		p.buildah("inspect", "--type", "image", "built").ok()
		must(t, removeFile(p.path("home/secret")))
		p.nowhere(secret, "root", "run", "tmp", "context", "home")
	})
}
