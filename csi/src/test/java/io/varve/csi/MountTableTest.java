package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Lines as the kernel writes them, proc(5). */
class MountTableTest {
    private static final MountTable TABLE = MountTable.parse("""
            22 28 0:21 / /proc rw,nosuid - proc proc rw
            25 28 0:6 / /dev rw,nosuid - devtmpfs udev rw,size=4k
            90 28 7:3 / /var/lib/kubelet/stage rw,noatime shared:5 - xfs /dev/loop3 rw,attr2
            91 28 7:3 / /var/lib/kubelet/pods/a\\040b/mount ro,noatime - xfs /dev/loop3 rw,attr2
            92 28 0:6 /loop4 /var/lib/kubelet/pods/raw rw - devtmpfs udev rw
            93 28 0:30 / /var/lib/kubelet/stage rw - tmpfs tmpfs rw
            broken line
            """);

    @Test
    void theLastMountAtAPathIsWhatIsSeenThere() {
        assertThat(TABLE.at(Path.of("/var/lib/kubelet/stage")).orElseThrow().kind())
                .isEqualTo("tmpfs");
        assertThat(TABLE.at(Path.of("/var/lib/kubelet"))).isEmpty();
    }

    @Test
    void blanksInPathsAreWrittenInOctal() {
        MountTable.Entry entry =
                TABLE.at(Path.of("/var/lib/kubelet/pods/a b/mount")).orElseThrow();
        assertThat(entry.isReadOnly()).isTrue();
        assertThat(entry.isOf("/dev/loop3")).isTrue();
    }

    @Test
    void aDeviceIsFoundAsAFileSystemAndAsANode() {
        assertThat(TABLE.pointsOf("/dev/loop3"))
                .containsExactly("/var/lib/kubelet/stage", "/var/lib/kubelet/pods/a b/mount");
        assertThat(TABLE.pointsOf("/dev/loop4")).containsExactly("/var/lib/kubelet/pods/raw");
        assertThat(TABLE.pointsOf("/dev/loop")).isEmpty();
    }
}
