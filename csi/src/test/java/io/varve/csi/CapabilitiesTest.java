package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.csi.spec.VolumeCapability;
import io.varve.csi.spec.VolumeCapability.AccessMode.Mode;
import org.junit.jupiter.api.Test;

class CapabilitiesTest {
    private static VolumeCapability mount(Mode mode, String kind) {
        return VolumeCapability.newBuilder()
                .setMount(VolumeCapability.MountVolume.newBuilder().setFsType(kind))
                .setAccessMode(VolumeCapability.AccessMode.newBuilder().setMode(mode))
                .build();
    }

    @Test
    void oneNodeAtATimeIsServedInEveryKind() {
        for (Mode mode : new Mode[] {
            Mode.SINGLE_NODE_WRITER,
            Mode.SINGLE_NODE_READER_ONLY,
            Mode.SINGLE_NODE_SINGLE_WRITER,
            Mode.SINGLE_NODE_MULTI_WRITER
        }) {
            assertThat(Capabilities.objection(mount(mode, ""))).isEmpty();
            assertThat(Capabilities.objection(mount(mode, "btrfs"))).isEmpty();
            assertThat(Capabilities.objection(mount(mode, "").toBuilder()
                            .setBlock(VolumeCapability.BlockVolume.getDefaultInstance())
                            .build()))
                    .isEmpty();
        }
    }

    @Test
    void whatIsRefusedIsNamed() {
        assertThat(Capabilities.objection(mount(Mode.MULTI_NODE_MULTI_WRITER, ""))
                        .orElseThrow())
                .contains("MULTI_NODE_MULTI_WRITER")
                .contains("one node at a time");
        assertThat(Capabilities.objection(mount(Mode.SINGLE_NODE_WRITER, "vfat")))
                .contains("fs_type is 'vfat'; allowed: ext4, xfs, btrfs");
        assertThat(Capabilities.objection(mount(Mode.UNKNOWN, ""))).isPresent();
        assertThat(Capabilities.objection(VolumeCapability.getDefaultInstance()).orElseThrow())
                .contains("no access type");
    }
}
