package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.vertx.grpc.common.GrpcStatus;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What a publish finds at its target. */
class MountsTest {
    private static final Path TARGET = Path.of("/pods/a/mount");

    private static MountTable at(String device, String options) {
        return MountTable.parse("91 28 7:3 / %s %s shared:5 - xfs %s rw\n".formatted(TARGET, options, device));
    }

    private static GrpcStatus refusal(MountTable mounts, boolean readOnly) {
        return catchThrowableOfType(CsiFailure.class, () -> Mounts.isThere(mounts, "/dev/loop3", TARGET, readOnly))
                .status();
    }

    @Test
    void whatAKilledPublishLeftIsGoneOnWith() {
        assertThat(Mounts.isThere(at("/dev/loop3", "rw"), "/dev/loop3", TARGET, true))
                .isTrue();
    }

    @Test
    void readOnlyDoesNotBecomeWritable() {
        assertThat(refusal(at("/dev/loop3", "ro"), false)).isEqualTo(GrpcStatus.ALREADY_EXISTS);
    }

    @Test
    void anotherDeviceIsNotTheVolume() {
        assertThat(refusal(at("/dev/loop4", "rw"), false)).isEqualTo(GrpcStatus.ALREADY_EXISTS);
    }

    @Test
    void anEmptyTargetIsBound() {
        assertThat(Mounts.isThere(MountTable.parse(""), "/dev/loop3", TARGET, true))
                .isFalse();
    }
}
