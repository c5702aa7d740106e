package io.varve.control.raft;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.util.NetUtils;
import org.apache.ratis.util.ProtoUtils;

/** Elections of one member, in Ratis' words. */
final class RatisElection implements LeaderLoss.Election {
    private final RaftServer server;
    private final RaftGroupId group;

    RatisElection(RaftServer server, RaftGroupId group) {
        this.server = server;
        this.group = group;
    }

    @Override
    public Optional<LeaderLoss.Leader> followed() {
        try {
            RaftServer.Division division = server.getDivision(group);
            DivisionInfo info = division.getInfo();
            RaftPeerId leader = info.getLeaderId();
            RaftPeer peer = leader == null ? null : division.getRaftConf().getPeer(leader);
            boolean isMember = division.getRaftConf().getPeer(server.getId()) != null;
            if (!info.isFollower() || peer == null || leader.equals(server.getId()) || !isMember) {
                return Optional.empty();
            }
            String self = server.getId().toString();
            int turn = (int) division.getRaftConf().getCurrentPeers().stream()
                    .filter(other -> !other.getId().equals(leader))
                    .filter(other -> other.getId().toString().compareTo(self) < 0)
                    .count();
            return Optional.of(new LeaderLoss.Leader(leader.toString(), address(peer), info.getCurrentTerm(), turn));
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    private static InetSocketAddress address(RaftPeer peer) {
        return NetUtils.createSocketAddr(peer.getAddress());
    }

    /** As a leader asks a member to take over from it: the member is a candidate at once, without asking first whether the others miss a leader. */
    @Override
    public void stand(LeaderLoss.Leader lost) throws IOException {
        TermIndex last = server.getDivision(group).getRaftLog().getLastEntryTermIndex();
        if (last == null) {
            return;
        }
        server.startLeaderElection(StartLeaderElectionRequestProto.newBuilder()
                .setServerRequest(RaftRpcRequestProto.newBuilder()
                        .setRequestorId(RaftPeerId.valueOf(lost.id()).toByteString())
                        .setReplyId(server.getId().toByteString())
                        .setRaftGroupId(ProtoUtils.toRaftGroupIdProtoBuilder(group)))
                .setLeaderLastEntry(last.toProto())
                .build());
    }
}
