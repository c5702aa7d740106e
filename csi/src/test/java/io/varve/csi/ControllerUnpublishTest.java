package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.varve.api.DetachVolumeRequest;
import io.varve.api.Publication;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.Volume;
import io.varve.csi.spec.ControllerUnpublishVolumeRequest;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** How a volume is taken from a node: with its word, without it, and not. */
class ControllerUnpublishTest {
    private static final String GIVEN_UP = "its Node has the taint";

    /** One volume, published to n1. */
    private static final class Memory implements Cluster {
        private final List<String> done = new ArrayList<>();
        private boolean isStaged;
        private boolean isServerDead;

        @Override
        @SuppressWarnings("unchecked") // All calls that are made answer a volume.
        public <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
            if (request instanceof PublishVolumeRequest publish) {
                done.add(publish.getNode() + " " + publish.getState());
            } else if (request instanceof DetachVolumeRequest) {
                done.add("detached");
                if (isServerDead) {
                    throw new CsiFailure(GrpcStatus.DEADLINE_EXCEEDED, "not detached after 30 s");
                }
            }
            return (R) Volume.newBuilder()
                    .setPublication(
                            Publication.newBuilder().setNode("n1").setEpoch(3).setStaged(isStaged))
                    .build();
        }
    }

    private record Known(Optional<String> reason) implements Machines {
        @Override
        public Optional<String> givenUp(String node) {
            return reason.map(words -> words + " " + node);
        }

        @Override
        public String advice(String node) {
            return "taint " + node;
        }
    }

    private final Memory cluster = new Memory();

    private void unpublish(Optional<String> givenUp) {
        new ControllerCalls(cluster, new Known(givenUp))
                .unpublish(ControllerUnpublishVolumeRequest.newBuilder()
                        .setVolumeId("db")
                        .setNodeId("n1")
                        .build());
    }

    @Test
    void aNodeThatLetGoIsTakenAtItsWord() {
        unpublish(Optional.empty());
        assertThat(cluster.done).containsExactly("detached", "n1 NOT_PUBLISHED");
    }

    @Test
    void aNodeThatHasItStagedIsWaitedForAndTheReasonSaysWhatToDo() {
        cluster.isStaged = true;
        CsiFailure refused = catchThrowableOfType(CsiFailure.class, () -> unpublish(Optional.empty()));
        assertThat(refused.status()).isEqualTo(GrpcStatus.FAILED_PRECONDITION);
        assertThat(refused).hasMessageContaining("has not said that it let go").hasMessageContaining("taint n1");
        assertThat(cluster.done).isEmpty();
    }

    @Test
    void aNodeThatWasGivenUpIsFencedAndNothingIsWaitedFor() {
        cluster.isStaged = true;
        unpublish(Optional.of(GIVEN_UP));
        assertThat(cluster.done).containsExactly("n1 FENCED");
    }

    @Test
    void whoServesItMayBeDead() {
        cluster.isServerDead = true;
        unpublish(Optional.empty());
        assertThat(cluster.done).containsExactly("detached", "n1 NOT_PUBLISHED");
    }
}
