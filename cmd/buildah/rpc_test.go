package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestServeRPC(t *testing.T) {
	t.Parallel()
	runRoot := t.TempDir()
	told := errors.New("what the work came to")
	err := serveRPC(t.Context(), runRoot, rpcFlags{}, func(address string) error {
		if !strings.HasPrefix(address, "unix://"+runRoot+"/rpc-") {
			t.Errorf("the address is %q", address)
		}
		client, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close() //nolint:errcheck // nothing is written
		if err := client.Invoke(t.Context(), "/buildah.v1.NoOp/NoOp", &emptypb.Empty{}, &emptypb.Empty{}); err != nil {
			t.Error(err)
		}
		services(t, client)
		return told
	})
	if !errors.Is(err, told) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(runRoot); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// services asks the server what it has, and what that is.
func services(t *testing.T, client *grpc.ClientConn) {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(client).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []*grpc_reflection_v1.ServerReflectionRequest{
		{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}},
		{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "buildah.v1.NoOp"}},
	} {
		if err := stream.Send(q); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if text := answer.String(); !strings.Contains(text, "NoOp") || answer.GetErrorResponse() != nil {
			t.Errorf("%v: %s", q, text)
		}
	}
}

func TestServeRPCRefuses(t *testing.T) {
	t.Parallel()
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{taken: "address already in use", "/no/such/place": "no such file", "/" + strings.Repeat("x", 107): "at most 107"} {
		err := serveRPC(t.Context(), t.TempDir(), rpcFlags{listen: path}, func(string) error {
			t.Error("the work is done")
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "mine" {
		t.Errorf("a file was in the way, and is %q (%v)", text, err)
	}
}
