// call ENDPOINT SERVICE/METHOD: one call of a CSI driver. The request is JSON on standard input, the answer JSON on standard output; a refusal is told
// as CODE: MESSAGE on standard error, exit status 1.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	_ "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func fail(code int, text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(code)
}

func message(of protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		fail(2, err.Error())
	}
	return kind.New().Interface()
}

func main() {
	if len(os.Args) != 3 || !strings.Contains(os.Args[2], "/") {
		fail(2, "usage: call unix:///PATH SERVICE/METHOD < request.json")
	}
	name := "csi.v1." + strings.ReplaceAll(os.Args[2], "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		fail(2, err.Error())
	}
	method := found.(protoreflect.MethodDescriptor)
	request, answer := message(method.Input()), message(method.Output())
	text, err := io.ReadAll(os.Stdin)
	if err == nil && len(strings.TrimSpace(string(text))) > 0 {
		err = protojson.Unmarshal(text, request)
	}
	if err != nil {
		fail(2, err.Error())
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		fail(2, err.Error())
	}
	defer connection.Close()
	limit, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	if err := connection.Invoke(limit, "/csi.v1."+os.Args[2], request, answer, grpc.WaitForReady(true)); err != nil {
		fail(1, status.Code(err).String()+": "+status.Convert(err).Message())
	}
	fmt.Println(protojson.MarshalOptions{UseProtoNames: true}.Format(answer))
}
