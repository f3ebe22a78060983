package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a build, a change, and what the second build finds: a letter for each
// step, "h" or "m", stages told apart by a space.
type pair struct {
	file   string // instructions; "FROM" alone is the base
	flags  []string
	change func(p *place, dir string) // of files; nil changes none
	file2  string                     // "" means the same
	flags2 []string                   // nil means the same
	want   string
}

func replaced(name, text string) func(*place, string) {
	return func(p *place, dir string) { write(p.t, filepath.Join(dir, name), text) }
}

func args(list ...string) (flags []string) {
	for _, a := range list {
		flags = append(flags, "--build-arg", a)
	}
	return flags
}

// pairs has the changes that a cache may not overlook, and those it has to.
var pairs = map[string]pair{
	// What changes nothing.
	"nothing":                {file: "FROM\nENV A=1\nRUN true\nCOPY f /f\nCMD x", want: "hhhh"},
	"comment":                {file: "FROM\n# one\nRUN true", file2: "FROM\n# two\n\nRUN true", want: "h"},
	"stage name":             {file: "FROM AS a\nRUN true", file2: "FROM AS b\nRUN true", want: "h"},
	"undeclared argument":    {file: "FROM\nRUN true", flags: args("X=1"), flags2: args("X=2"), want: "h"},
	"proxy":                  {file: "FROM\nRUN true", flags: args("HTTP_PROXY=a"), flags2: args("HTTP_PROXY=b"), want: "h"},
	"tag":                    {file: "FROM\nRUN true", flags2: []string{"-t", "localhost/another"}, want: "h"},
	"order of arguments":     {file: "FROM\nARG A\nARG B\nRUN true", flags: args("A=1", "B=2"), flags2: args("B=2", "A=1"), want: "hhh"},
	"argument unused":        {file: "FROM\nARG A\nCOPY f /f", flags: args("A=1"), flags2: args("A=2"), want: "hh"},
	"touched file":           {file: "FROM\nCOPY f /f\nRUN true", change: func(p *place, dir string) { must(p.t, os.Chtimes(dir+"/f", time.Unix(1, 0), time.Unix(1, 0))) }, want: "hh"},
	"ignored file":           {file: "FROM\nCOPY . /all\nRUN true", change: replaced("ignored/a", "changed"), want: "hh"},
	"file that is not taken": {file: "FROM\nCOPY f /f\nRUN true", change: replaced("d/x", "changed"), want: "hh"},
	"written again": {file: "FROM\nCOPY f /f\nRUN true", change: func(p *place, dir string) {
		must(p.t, os.Remove(dir+"/f"))
		write(p.t, dir+"/f", "f")
	}, want: "hh"},
	"cache mount": {file: "FROM\nRUN --mount=type=cache,target=/c echo x >> /c/x", want: "h"},
	"volume":      {file: "FROM\nRUN true", flags2: []string{"--volume", "/usr/share:/mnt:ro"}, want: "h"},
	"created again elsewhere": {file: "FROM\nCOPY d /d\nRUN true", change: func(p *place, dir string) {
		must(p.t, os.Rename(dir+"/d", dir+"/moved"))
		must(p.t, os.CopyFS(dir+"/d", os.DirFS(dir+"/moved")))
	}, want: "hh"},

	// The text of instructions.
	"command":                {file: "FROM\nENV A=1\nRUN echo 1\nRUN echo 2", file2: "FROM\nENV A=1\nRUN echo 3\nRUN echo 2", want: "hmm"},
	"appended step":          {file: "FROM\nRUN true", file2: "FROM\nRUN true\nRUN echo", want: "hm"},
	"removed step":           {file: "FROM\nRUN true\nRUN echo", file2: "FROM\nRUN true", want: "h"},
	"swapped steps":          {file: "FROM\nRUN echo 1\nRUN echo 2", file2: "FROM\nRUN echo 2\nRUN echo 1", want: "mm"},
	"environment before":     {file: "FROM\nENV A=1\nRUN true", file2: "FROM\nENV A=2\nRUN true", want: "mm"},
	"label before":           {file: "FROM\nLABEL a=1\nRUN true", file2: "FROM\nLABEL a=2\nRUN true", want: "mm"},
	"user before":            {file: "FROM\nUSER root\nRUN true", file2: "FROM\nUSER user\nRUN true", want: "mm"},
	"directory before":       {file: "FROM\nWORKDIR /a\nRUN true", file2: "FROM\nWORKDIR /b\nRUN true", want: "mm"},
	"shell before":           {file: "FROM\nSHELL [\"sh\",\"-c\"]\nRUN true", file2: "FROM\nSHELL [\"sh\",\"-ec\"]\nRUN true", want: "mm"},
	"exec form":              {file: "FROM\nRUN true", file2: "FROM\nRUN [\"true\"]", want: "m"},
	"destination":            {file: "FROM\nCOPY f /f", file2: "FROM\nCOPY f /g", want: "m"},
	"copy or add":            {file: "FROM\nCOPY f /f", file2: "FROM\nADD f /f", want: "m"},
	"owner flag":             {file: "FROM\nCOPY f /f", file2: "FROM\nCOPY --chown=1:1 f /f", want: "m"},
	"mode flag":              {file: "FROM\nCOPY --chmod=700 f /f", file2: "FROM\nCOPY --chmod=755 f /f", want: "m"},
	"exclude flag":           {file: "FROM\nCOPY d /d", file2: "FROM\nCOPY --exclude=x d /d", want: "m"},
	"expose":                 {file: "FROM\nEXPOSE 80\nCMD a", file2: "FROM\nEXPOSE 81\nCMD a", want: "mm"},
	"entry point":            {file: "FROM\nENTRYPOINT a\nCMD b", file2: "FROM\nENTRYPOINT c\nCMD b", want: "mm"},
	"stop signal":            {file: "FROM\nSTOPSIGNAL 9", file2: "FROM\nSTOPSIGNAL 15", want: "m"},
	"network":                {file: "FROM\nRUN --network=host true", file2: "FROM\nRUN --network=none true", want: "m"},
	"document":               {file: "FROM\nRUN <<E\necho 1\nE", file2: "FROM\nRUN <<E\necho 2\nE", want: "m"},
	"document's indentation": {file: "FROM\nRUN <<E\necho 1\nE", file2: "FROM\nRUN <<E\necho  1\nE", want: "m"},
	"document of a copy":     {file: "FROM\nCOPY <<E /f\none\nE", file2: "FROM\nCOPY <<E /f\ntwo\nE", want: "m"},
	"document's name":        {file: "FROM\nCOPY <<one /d/\nx\none", file2: "FROM\nCOPY <<two /d/\nx\ntwo", want: "m"},

	// Arguments.
	"argument of a command":   {file: "FROM\nARG A\nRUN echo $A", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"only in the environment": {file: "FROM\nARG A\nRUN env", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"environment of argument": {file: "FROM\nARG A\nENV B=$A\nCMD x", flags: args("A=1"), flags2: args("A=2"), want: "hmm"},
	"label of argument":       {file: "FROM\nARG A\nLABEL B=$A", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"user of argument":        {file: "FROM\nARG A\nUSER $A\nRUN id", flags: args("A=root"), flags2: args("A=user"), want: "hmm"},
	"directory of argument":   {file: "FROM\nARG A\nWORKDIR /$A\nRUN pwd", flags: args("A=1"), flags2: args("A=2"), want: "hmm"},
	"source of argument":      {file: "FROM\nARG A\nCOPY d/$A /f", flags: args("A=x"), flags2: args("A=y"), want: "hm"},
	"document with argument":  {file: "FROM\nARG A\nCOPY <<E /f\n$A\nE", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"quoted document":         {file: "FROM\nARG A\nCOPY <<'E' /f\n$A\nE", flags: args("A=1"), flags2: args("A=2"), want: "hh"},
	"argument that is given":  {file: "FROM\nARG A\nCMD x", flags2: args("A=1"), want: "mm"},
	"default of argument":     {file: "FROM\nARG A=1\nRUN echo $A", file2: "FROM\nARG A=2\nRUN echo $A", want: "mm"},
	"default and given":       {file: "FROM\nARG A=1\nRUN echo $A", flags2: args("A=2"), want: "hm"},
	"before the first FROM":   {file: "ARG A=1\nFROM\nARG A\nRUN echo $A", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"hidden by environment":   {file: "FROM\nARG A\nENV A=x\nRUN echo $A", flags: args("A=1"), flags2: args("A=2"), want: "hhh"},
	"declared proxy":          {file: "FROM\nARG HTTP_PROXY\nRUN true", flags: args("HTTP_PROXY=a"), flags2: args("HTTP_PROXY=b"), want: "hm"},
	"declared after":          {file: "FROM\nRUN true\nARG A\nRUN echo $A", flags: args("A=1"), flags2: args("A=2"), want: "hhm"},
	"option --env":            {file: "FROM\nRUN true", flags: []string{"--env", "A=1"}, flags2: []string{"--env", "A=2"}, want: "mm"},
	"option --label":          {file: "FROM\nRUN true", flags: []string{"--label", "A=1"}, flags2: []string{"--label", "A=2"}, want: "hm"},
	"option --annotation":     {file: "FROM\nRUN true\nRUN echo", flags: []string{"--annotation", "A=1"}, flags2: []string{"--annotation", "A=2"}, want: "hm"},
	"option --timestamp":      {file: "FROM\nRUN true", flags: []string{"--timestamp", "1"}, flags2: []string{"--timestamp", "2"}, want: "m"},
	"option --format":         {file: "FROM\nRUN true", flags2: []string{"--format", "docker"}, want: "m"},
	"option --no-cache":       {file: "FROM\nRUN true", flags2: []string{"--no-cache"}, want: "m"},
	"option --unsetenv":       {file: "FROM\nENV A=1\nRUN true", flags2: []string{"--unsetenv", "A"}, want: "mm"},

	"option --add-host": {file: "FROM\nRUN true\nCMD x", flags: []string{"--add-host", "a:1.2.3.4"}, flags2: []string{"--add-host", "a:1.2.3.5"}, want: "mm"},
	"option --cap-drop": {file: "FROM\nCOPY f /f\nRUN true", flags2: []string{"--cap-drop", "CHOWN"}, want: "hm"},
	"option --stdin":    {file: "FROM\nCOPY f /f\nRUN cat", flags: []string{"--stdin"}, want: "hm"},
	"option --network":  {file: "FROM\nRUN true", flags2: []string{"--network", "none"}, want: "m"},
	"option --no-cache-filter": {
		file: "FROM AS a\nRUN true\nFROM\nCOPY --from=a /bin/true /x", flags2: []string{"--no-cache-filter", "a"}, want: "m h",
	},
	"option --source-date-epoch": {file: "FROM\nRUN true", flags: []string{"--source-date-epoch", "1"}, flags2: []string{"--source-date-epoch", "2"}, want: "m"},
	"option --squash":            {file: "FROM\nRUN true\nRUN echo", flags: []string{"--squash"}, flags2: []string{}, want: "hh"},
	"option --platform":          {file: "FROM scratch\nCOPY f /f\nCMD x", flags2: []string{"--platform", "linux/arm64"}, want: "mm"},
	"argument of a document":     {file: "FROM\nARG A\nRUN <<E\necho $A\nE", flags: args("A=1"), flags2: args("A=2"), want: "hm"},
	"other text, the same words": {file: "FROM\nARG A\nLABEL a=$A", flags: args("A=1"), file2: "FROM\nARG A\nLABEL a=1", want: "hm"},

	// Files.
	"content": {file: "FROM\nCOPY f /f\nRUN true", change: replaced("f", "changed"), want: "mm"},
	"same size and time": {file: "FROM\nCOPY f /f\nRUN true", change: func(p *place, dir string) {
		info, err := os.Stat(dir + "/f")
		must(p.t, err)
		write(p.t, dir+"/f", "F")
		must(p.t, os.Chtimes(dir+"/f", info.ModTime(), info.ModTime()))
	}, want: "mm"},
	"owner, which is not copied": {file: "FROM\nCOPY f /f", change: func(p *place, dir string) { must(p.t, os.Chown(dir+"/f", 1, 2)) }, want: "h"},
	"owner of a bind mount": {
		file: "FROM\nRUN --mount=source=f,target=/f ls -l /f", change: func(p *place, dir string) { must(p.t, os.Chown(dir+"/f", 1, 2)) }, want: "m",
	},
	"mode of a bind mount": {
		file: "FROM\nRUN --mount=source=f,target=/f ls -l /f", change: func(p *place, dir string) { must(p.t, os.Chmod(dir+"/f", 0o600)) }, want: "m",
	},
	"mode of a mounted directory": {
		file: "FROM\nRUN --mount=source=d,target=/d ls -l /", change: func(p *place, dir string) { must(p.t, os.Chmod(dir+"/d", 0o700)) }, want: "m",
	},
	"touched file of a bind mount": {
		file: "FROM\nRUN --mount=source=f,target=/f cat /f", want: "h",
		change: func(p *place, dir string) { must(p.t, os.Chtimes(dir+"/f", time.Unix(1, 0), time.Unix(1, 0))) },
	},
	"secret":          {file: "FROM\nRUN --mount=type=secret,id=s true", flags: []string{"--secret", "id=s,src=CONTEXT/f"}, change: replaced("f", "changed"), want: "h"},
	"mode":            {file: "FROM\nCOPY f /f\nRUN true", change: func(p *place, dir string) { must(p.t, os.Chmod(dir+"/f", 0o755)) }, want: "mm"},
	"name":            {file: "FROM\nCOPY d /d", change: func(p *place, dir string) { must(p.t, os.Rename(dir+"/d/x", dir+"/d/z")) }, want: "m"},
	"new file":        {file: "FROM\nCOPY d /d", change: replaced("d/z", "z"), want: "m"},
	"empty directory": {file: "FROM\nCOPY d /d", change: func(p *place, dir string) { must(p.t, os.Mkdir(dir+"/d/empty", 0o755)) }, want: "m"},
	"removed file":    {file: "FROM\nCOPY d /d", change: func(p *place, dir string) { must(p.t, os.Remove(dir+"/d/x")) }, want: "m"},
	"pattern":         {file: "FROM\nCOPY d/* /d/", change: replaced("d/z", "z"), want: "m"},
	"link's target": {file: "FROM\nCOPY links /l", change: func(p *place, dir string) {
		must(p.t, os.Remove(dir+"/links/l"))
		must(p.t, os.Symlink("elsewhere", dir+"/links/l"))
	}, want: "m"},
	"file to link": {file: "FROM\nCOPY d /d", change: func(p *place, dir string) {
		must(p.t, os.Remove(dir+"/d/x"))
		must(p.t, os.Symlink("y", dir+"/d/x"))
	}, want: "m"},
	"ignore file":               {file: "FROM\nCOPY . /all", change: replaced(".dockerignore", "ignored\nd/x\nDockerfile\n.dockerignore\n"), want: "m"},
	"archive":                   {file: "FROM\nADD f /f\nRUN true", change: replaced("f", "changed"), want: "mm"},
	"bind mount":                {file: "FROM\nRUN --mount=type=bind,source=f,target=/f cat /f", change: replaced("f", "changed"), want: "m"},
	"bind mount by default":     {file: "FROM\nRUN --mount=source=f,target=/f cat /f", change: replaced("f", "changed"), want: "m"},
	"bind mount of a directory": {file: "FROM\nRUN --mount=type=bind,source=d,target=/d ls /d", change: replaced("d/x", "changed"), want: "m"},
	"bind mount of other files": {file: "FROM\nRUN --mount=type=bind,source=d,target=/d ls /d", change: replaced("f", "changed"), want: "h"},
	"mount that is written to":  {file: "FROM\nRUN --mount=type=bind,source=d,target=/d,rw ls /d\nRUN true", want: "mm"},

	// Additional contexts.
	"additional context": {
		file: "FROM\nCOPY --from=more x /x\nRUN --mount=from=more,target=/m cat /m/y", flags: []string{"--build-context", "more=CONTEXT/d"}, want: "hh",
	},
	"changed file of one": {
		file: "FROM\nCOPY --from=more x /x\nRUN --mount=from=more,target=/m cat /m/y", flags: []string{"--build-context", "more=CONTEXT/d"},
		change: replaced("d/y", "changed"), want: "hm",
	},
	"other directory, the same content": {
		file: "FROM\nCOPY --from=more x /x", flags: []string{"--build-context", "more=CONTEXT/d"}, flags2: []string{"--build-context", "more=CONTEXT/d2"},
		change: func(p *place, dir string) { must(p.t, os.CopyFS(dir+"/d2", os.DirFS(dir+"/d"))) }, want: "h",
	},
	"directory instead of a stage": {
		file: "FROM AS more\nCOPY d /\nFROM\nCOPY --from=more /x /x", flags2: []string{"--build-context", "more=CONTEXT/d"},
		change: replaced("d/x", "changed"), want: "m",
	},

	// Stages and bases.
	"other stage, the same files": {
		file: "FROM AS a\nRUN echo 1 > /y; echo x > /x\nFROM\nCOPY --from=a /x /x", file2: "FROM AS a\nRUN echo 2 > /y; echo x > /x\nFROM\nCOPY --from=a /x /x", want: "m h",
	},
	"other stage, the same files mounted": {
		file:  "FROM AS a\nRUN echo 1 > /y; echo x > /x\nFROM\nRUN --mount=from=a,source=/x,target=/m cat /m",
		file2: "FROM AS a\nRUN echo 2 > /y; echo x > /x\nFROM\nRUN --mount=from=a,source=/x,target=/m cat /m", want: "m h",
	},
	"other stage, all of it mounted": {
		file:  "FROM AS a\nRUN echo 1 > /y; echo x > /x\nFROM\nRUN --mount=from=a,target=/m cat /m/x",
		file2: "FROM AS a\nRUN echo 2 > /y; echo x > /x\nFROM\nRUN --mount=from=a,target=/m cat /m/x", want: "m m",
	},
	"other stage, another mode": {
		file: "FROM AS a\nRUN echo x > /x\nFROM\nCOPY --from=a /x /x", file2: "FROM AS a\nRUN echo x > /x; chmod 700 /x\nFROM\nCOPY --from=a /x /x", want: "m m",
	},
	"other stage, another owner mounted": {
		file:  "FROM AS a\nCOPY f /x\nFROM\nRUN --mount=from=a,source=/x,target=/m cat /m",
		file2: "FROM AS a\nCOPY --chown=1:2 f /x\nFROM\nRUN --mount=from=a,source=/x,target=/m cat /m", want: "m m",
	},
	"other stage":              {file: "FROM AS a\nRUN echo 1 > /x\nFROM\nCOPY --from=a /x /x", file2: "FROM AS a\nRUN echo 2 > /x\nFROM\nCOPY --from=a /x /x", want: "m m"},
	"other stage's context":    {file: "FROM AS a\nCOPY f /x\nFROM\nCOPY --from=a /x /x", change: replaced("f", "changed"), want: "m m"},
	"renamed stage":            {file: "FROM AS a\nCOPY f /x\nFROM\nCOPY --from=a /x /x", file2: "FROM AS b\nCOPY f /x\nFROM\nCOPY --from=b /x /x", want: "h m"},
	"stage that is made again": {file: "FROM AS a\nENV A=1\nFROM a\nRUN true", flags2: []string{"--no-cache-filter", "a"}, want: "m h"},
	"base stage":               {file: "FROM AS a\nRUN echo 1 > /x\nFROM a\nRUN true", file2: "FROM AS a\nRUN echo 2 > /x\nFROM a\nRUN true", want: "m m"},
	"mount from a stage":       {file: "FROM AS a\nCOPY f /x\nFROM\nRUN --mount=from=a,target=/a cat /a/x", change: replaced("f", "changed"), want: "m m"},
	"other base":               {file: "FROM\nRUN true", file2: "FROM localhost/other\nRUN true", want: "m"},
	"base under another tag": {file: "FROM localhost/moving\nRUN true", change: func(p *place, _ string) {
		p.run("tag", "localhost/other", "localhost/moving")
	}, want: "m"},
	"image that is copied from": {file: "FROM\nCOPY --from=localhost/moving2 /bin/true /x", change: func(p *place, _ string) {
		p.run("tag", "localhost/other", "localhost/moving2")
	}, want: "h"}, // the file is the same in both
	"changed file of an image": {file: "FROM\nCOPY --from=localhost/moving3 /etc /x", change: func(p *place, _ string) {
		p.run("tag", "localhost/other", "localhost/moving3")
	}, want: "m"},
	"trigger of the base": {file: "FROM localhost/trigger\nRUN true", change: func(p *place, dir string) {
		p.trigger("RUN echo 2")
	}, want: "mm"},
	"trigger that is the same": {file: "FROM localhost/trigger\nRUN echo", change: func(*place, string) {}, want: "hh"},
	"image was removed": {file: "FROM\nRUN echo removed > /x", change: func(p *place, _ string) {
		p.run("rmi", "-f", "localhost/out")
		p.run("prune", "-f")
	}, want: "m"},
}

// fileName makes a file name of a case's.
func fileName(name string) string { return strings.NewReplacer(" ", "-", "'", "").Replace(name) }

// trigger makes a base with an ONBUILD.
func (p *place) trigger(instruction string) {
	c := p.run("from", "localhost/base")
	p.run("config", "--onbuild", instruction, c)
	p.run("commit", "-q", "--rm", "--format", "docker", "--timestamp", "1", c, "localhost/trigger")
}

func TestPairs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.base("localhost/other", []string{"etc/other"})
	p.run("tag", "localhost/base", "localhost/moving", "localhost/moving2", "localhost/moving3")
	for name, c := range pairs {
		t.Run(name, func(t *testing.T) {
			q := *p
			q.t = t
			q.pair(name, c)
		})
	}
}

// below puts the path of the context into flags.
func below(dir string, flags []string) []string {
	with := make([]string, len(flags))
	for i, f := range flags {
		with[i] = strings.ReplaceAll(f, "CONTEXT", dir)
	}
	return with
}

// pair builds twice. A label keeps cases from finding each other's steps.
func (p *place) pair(name string, c pair) {
	dir := p.path("context-" + fileName(name))
	for file, text := range map[string]string{"f": "f", "d/x": "x", "d/y": "y", "ignored/a": "a", ".dockerignore": "ignored\nDockerfile\n.dockerignore\n"} {
		write(p.t, filepath.Join(dir, file), text)
	}
	must(p.t, os.MkdirAll(dir+"/links", 0o755))
	must(p.t, os.Symlink("target", dir+"/links/l"))
	if strings.Contains(c.file, "trigger") {
		p.trigger("RUN echo 1")
	}
	if c.file2 == "" {
		c.file2 = c.file
	}
	if c.flags2 == nil {
		c.flags2 = c.flags
	}
	c.flags, c.flags2 = below(dir, c.flags), below(dir, c.flags2)
	first := p.dockerfile(name, dir, c.file)
	before, _ := p.build(dir, append([]string{"--layers"}, c.flags...)...)
	if strings.Contains(unlabelled(before, first), "h") && !strings.Contains(c.file, "trigger") {
		p.t.Fatalf("the first build has hits: %q\n%s", before, first)
	}
	time.Sleep(60 * time.Millisecond) // files that were changed in this moment are read again anyway
	if c.change != nil {
		c.change(p, dir)
	}
	second := p.dockerfile(name, dir, c.file2)
	got, _ := p.build(dir, append([]string{"--layers"}, c.flags2...)...)
	if got = unlabelled(got, second); got != c.want {
		p.t.Errorf("the second build has %q, want %q:\n%s", got, c.want, second)
	}
}

func (p *place) dockerfile(name, dir, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if word, rest, _ := strings.Cut(line, " "); word == "FROM" {
			if rest == "" || strings.HasPrefix(rest, "AS ") {
				rest = strings.TrimSpace("localhost/base " + rest)
			}
			lines[i] = "FROM " + rest + "\nLABEL case=" + fileName(name)
		}
	}
	text = strings.Join(lines, "\n") + "\n"
	write(p.t, dir+"/Dockerfile", text)
	return text
}

// unlabelled leaves the step out that every stage begins with, after triggers.
func unlabelled(pattern, file string) string {
	stages := strings.Split(pattern, " ")
	for i, s := range stages {
		at := 0
		if strings.Contains(file, "trigger") {
			at = 1
		}
		if len(s) > at {
			stages[i] = s[:at] + s[at+1:]
		}
	}
	return strings.Join(stages, " ")
}

// TestAuthor has a stage whose author nothing but the configuration tells.
func TestAuthor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	dir := p.path("context")
	for _, author := range []string{"one", "two"} {
		write(t, dir+"/Dockerfile", "FROM localhost/base AS a\nMAINTAINER "+author+"\nFROM a\nRUN true\n")
		p.build(dir, "--layers", "--omit-history", "--timestamp", "1")
		if got := p.run("inspect", "--type", "image", "--format", "{{.OCIv1.Author}}", "localhost/out"); got != author {
			t.Errorf("the author is %q, want %q", got, author)
		}
	}
}
