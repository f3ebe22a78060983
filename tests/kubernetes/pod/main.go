// Command pod says how podman runs the containers of a pod, one line of JSON each.
//
//	pod DIRECTORY KIND/NAME [PARAM=VALUE...] -- FILE...
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/tests/kubernetes"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("pod: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	end := slices.Index(args, "--")
	if end < 2 {
		return errors.New("usage: pod DIRECTORY KIND/NAME [PARAM=VALUE...] -- FILE")
	}
	kind, name, _ := strings.Cut(args[1], "/")
	params := map[string][]string{}
	for _, p := range args[2:end] {
		key, value, _ := strings.Cut(p, "=")
		params[key] = append(params[key], value)
	}
	objects, err := kubernetes.Load(args[end+1:]...)
	if err != nil {
		return err
	}
	containers, err := kubernetes.Pod(args[0], objects, kind, name, params)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if err := json.NewEncoder(os.Stdout).Encode(c); err != nil {
			return err
		}
	}
	return nil
}
