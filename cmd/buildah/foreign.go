package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/suggest"
)

// People come with the words of docker and podman in their fingers. What has
// another name here, or is done otherwise, is said in one line.

// foreignCommand tells what to type instead of a command of docker or podman; rest
// are the words after it. It is "" for words that neither has.
func foreignCommand(word string, rest []string) string {
	switch word {
	case "image", "images", "container", "containers", "builder", "buildx", "system":
		if len(rest) > 0 && !isFlagWord(rest[0]) {
			if said := foreignMember(word, rest[0]); said != "" {
				return said
			}
		}
		return foreignGroup(word)
	}
	if real := sameAs(word); real != "" {
		return "use `buildah " + real + "`"
	}
	return otherwise(word)
}

// sameAs gives our name of a command.
func sameAs(word string) string {
	return map[string]string{
		"bake": "build", "cp": "copy", "create": "from IMAGE", "exec": "run CONTAINER COMMAND", "history": "inspect --tree IMAGE",
		"import": "add", "load": "pull docker-archive:FILE", "save": "push IMAGE docker-archive:FILE", "untag": "rmi NAME",
		"imagetools": "manifest", "df": "info", "du": "info", "diff": "inspect --tree IMAGE",
	}[word]
}

// otherwise says how to come to what a command does that we have in no form.
func otherwise(word string) string {
	switch word {
	case "start", "stop", "restart", "kill", "pause", "unpause", "wait", "attach", "logs", "top", "stats", "port":
		return "a working container does not keep running: `buildah run CONTAINER COMMAND` runs one command in it, `podman run` starts services"
	case "export":
		return "use `tar -C \"$(buildah mount CONTAINER)\" -c .`, or for an image `buildah build --output type=tar,dest=FILE`"
	case "mkcw":
		return "images of confidential workloads are not made in this version: convert the image with another tool"
	case "search":
		return "buildah does not search registries; `podman search` does"
	case "compose", "pod", "play", "kube", "generate", "machine", "network", "volume", "swarm", "stack", "service", "secret", "context", "node", "plugin":
		return "buildah only makes images; `podman " + word + "` or docker may be what you want"
	}
	return ""
}

// foreignMember tells what a command of a group is called here, "" if the group has
// none of that name.
func foreignMember(group, member string) string {
	containers := strings.HasPrefix(group, "container")
	var real string
	switch member {
	case "ls", "list", "ps":
		real = "images"
		if containers {
			real = "containers"
		}
	case "rm", "remove":
		real = "rmi IMAGE"
		if containers {
			real = "rm CONTAINER"
		}
	case "build", "commit", "inspect", "prune", "pull", "push", "rename", "run", "tag", "mount", "umount", "info":
		real = member
	default:
		if real = sameAs(member); real == "" {
			return otherwise(member)
		}
	}
	return "use `buildah " + real + "`"
}

func foreignGroup(word string) string {
	switch word {
	case "image":
		return "use `buildah images`, or `buildah help` for what is done with one"
	case "container":
		return "use `buildah containers`, or `buildah help` for what is done with one"
	case "builder", "buildx":
		return "use `buildah build`"
	case "system":
		return "use `buildah info` or `buildah prune`"
	}
	return ""
}

// foreignFlag tells what stands for a flag that docker or podman has in a command
// of this name, "" where nothing is known of it. name is a word or a letter.
func foreignFlag(command, name string) string {
	return map[string]string{
		"build attest":     "attestations about the build are not made; --sbom lists what an image is made of",
		"build provenance": "attestations about the build are not made; --sbom lists what an image is made of",
		"build call":       "--check examines a Dockerfile without building it",
		"build builder":    "there is no daemon to choose: the build happens here",
		"build ulimits":    "did you mean `--ulimit`?",
		"run i":            "leave it out: the command has your standard input anyway; --terminal gives it a terminal",
		"run interactive":  "leave it out: the command has your standard input anyway; --terminal gives it a terminal",
		"run rm":           "leave it out: the container stays until `buildah rm`, so that it can be committed",
		"run d":            "a command of a build runs until it ends; `podman run` starts services",
		"run detach":       "a command of a build runs until it ends; `podman run` starts services",
		"run p":            "a command of a build runs until it ends; `podman run` starts services",
		"run publish":      "a command of a build runs until it ends; `podman run` starts services",
		"run restart":      "a command of a build runs until it ends; `podman run` starts services",
		"run name":         "the container has its name from `buildah from --name`",
		"run w":            "did you mean `--workingdir`?",
		"run workdir":      "did you mean `--workingdir`?",
		"run u":            "did you mean `--user`?",
		"run entrypoint":   "type the command: an entrypoint is set with `buildah config` and used by what runs the image",
		"run privileged":   "use --security insecure, or --cap-add for single rights",
		"commit m":         "set it with `buildah config --history-comment TEXT CONTAINER` before",
		"commit message":   "set it with `buildah config --history-comment TEXT CONTAINER` before",
		"commit a":         "set it with `buildah config --author NAME CONTAINER` before",
		"commit author":    "set it with `buildah config --author NAME CONTAINER` before",
		"push all-tags":    "name each tag",
		"pull all-tags":    "name each tag",
	}[command+" "+name]
}

// unknownCommand is a word that is no command; rest are the words after it.
func unknownCommand(commands []*cli.Command, word string, rest []string) error {
	hint := cmp.Or(foreignCommand(word, rest), nearCommand(commands, "buildah", word), "`buildah help` lists the commands")
	return usageError{text: fmt.Sprintf("unknown command %q for %q", word, "buildah"), hint: hint}
}

// nearCommand is the question after the command that was probably meant, "" when none is near.
func nearCommand(commands []*cli.Command, path, word string) string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	near := suggest.Nearest(word, names)
	if near == "" {
		return ""
	}
	return "did you mean `" + path + " " + near + "`?"
}

// loose is a flag that stood alone although it can have a value, and the word after it.
type loose struct{ flag, word string }

// looseHint tells of a flag whose value stands apart from it, when that word is what
// an error is about.
func looseHint(flags []loose, err error) string {
	if err == nil || silent(err) {
		return ""
	}
	var usage usageError // such as too many words
	at := slices.IndexFunc(flags, func(l loose) bool {
		return errors.As(err, &usage) && strings.HasPrefix(usage.hint, "usage: ") || strings.Contains(err.Error(), "/"+l.word) || strings.Contains(err.Error(), strconv.Quote(l.word))
	})
	if at < 0 {
		return ""
	}
	return "a value of " + flags[at].flag + " is attached to it: " + flags[at].flag + "=" + flags[at].word
}
