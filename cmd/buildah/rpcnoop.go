package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// noOpFile describes the service to clients that ask:
//
//	service NoOp { rpc NoOp(google.protobuf.Empty) returns (google.protobuf.Empty); }
const noOpFile = "buildah/v1/noop.proto"

// noOpServer is what the service needs: nothing.
type noOpServer interface {
	NoOp(ctx context.Context, in *emptypb.Empty) (*emptypb.Empty, error)
}

type noOp struct{}

// NoOp does nothing.
func (noOp) NoOp(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// registerNoOp adds the service to a server, and its description to those that
// reflection gives.
func registerNoOp(server *grpc.Server) error {
	if _, err := protoregistry.GlobalFiles.FindFileByPath(noOpFile); err != nil {
		empty := emptypb.File_google_protobuf_empty_proto.Path()
		message := proto.String(".google.protobuf.Empty")
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: proto.String(noOpFile), Package: proto.String("buildah.v1"), Syntax: proto.String("proto3"), Dependency: []string{empty},
			Service: []*descriptorpb.ServiceDescriptorProto{{
				Name:   proto.String("NoOp"),
				Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("NoOp"), InputType: message, OutputType: message}},
			}},
		}, protoregistry.GlobalFiles)
		if err != nil {
			return fmt.Errorf("describing the service: %w", err)
		}
		if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
			return fmt.Errorf("describing the service: %w", err)
		}
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "buildah.v1.NoOp", HandlerType: (*noOpServer)(nil), Metadata: noOpFile,
		Methods: []grpc.MethodDesc{{MethodName: "NoOp", Handler: handleNoOp}},
	}, noOp{})
	return nil
}

func handleNoOp(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := &emptypb.Empty{}
	if err := decode(in); err != nil {
		return nil, err
	}
	return service.(noOpServer).NoOp(ctx, in)
}
