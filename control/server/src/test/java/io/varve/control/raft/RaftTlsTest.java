package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftClientRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.junit.jupiter.api.Test;

class RaftTlsTest {
    @Test
    void aMemberSpeaksForItselfOnly() {
        RaftRpcRequestProto from = RaftRpcRequestProto.newBuilder()
                .setRequestorId(ByteString.copyFromUtf8("n1"))
                .build();
        List<Object> messages = List.of(
                AppendEntriesRequestProto.newBuilder().setServerRequest(from).build(),
                RequestVoteRequestProto.newBuilder().setServerRequest(from).build(),
                InstallSnapshotRequestProto.newBuilder().setServerRequest(from).build(),
                ReadIndexRequestProto.newBuilder().setServerRequest(from).build());
        for (Object message : messages) {
            assertThat(RaftTls.impersonation("n1", message)).isEmpty();
            assertThat(RaftTls.impersonation("n2", message))
                    .hasValue("the certificate is of node n2, but the message is of node n1");
        }
        RequestVoteRequestProto later = RequestVoteRequestProto.newBuilder()
                .setServerRequest(RaftRpcRequestProto.newBuilder().setRequestorId(ByteString.copyFromUtf8("n1#7")))
                .build();
        assertThat(RaftTls.impersonation("n1", later)).as("a later peer of n1").isEmpty();
        assertThat(RaftTls.impersonation("n2", later)).isPresent();
        assertThat(RaftTls.impersonation("n2", RaftClientRequestProto.getDefaultInstance()))
                .isEmpty();
    }
}
