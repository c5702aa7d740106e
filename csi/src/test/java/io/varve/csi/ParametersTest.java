package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.LimitChange;
import io.varve.api.VolumeLimits;
import io.vertx.grpc.common.GrpcStatus;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ParametersTest {
    private static Parameters of(Map<String, String> given) {
        return Parameters.of(given, Map.of());
    }

    private static void refuses(Map<String, String> given, String words) {
        assertThatThrownBy(() -> of(given))
                .isInstanceOfSatisfying(
                        CsiFailure.class,
                        refused -> assertThat(refused.status()).isEqualTo(GrpcStatus.INVALID_ARGUMENT))
                .hasMessage(words);
    }

    @Test
    void whatIsNotSaidHasADefault() {
        assertThat(of(Map.of())).isEqualTo(new Parameters(2, FileSystem.EXT4, List.of(), false, false));
    }

    @Test
    void refusesAnUnknownParameterAndSaysWhichThereAre() {
        refuses(
                Map.of("replica", "2"),
                "parameter 'replica' is not known; allowed: attach, bandwidth, burst, fsType, iops, mkfsOptions, provisioning, replicas, zones");
    }

    @Test
    void refusesAValueAndSaysWhichAreAllowed() {
        refuses(Map.of("replicas", "4"), "parameter 'replicas' is '4'; allowed: 1, 2, 3");
        refuses(Map.of("fsType", "ntfs"), "parameter 'fsType' is 'ntfs'; allowed: btrfs, ext4, xfs");
        refuses(Map.of("provisioning", "thicker"), "parameter 'provisioning' is 'thicker'; allowed: thick, thin");
        assertThat(of(Map.of("provisioning", "thick")).thick()).isTrue();
        refuses(Map.of("zones", "all"), "parameter 'zones' is 'all'; allowed: distinct, spread");
        refuses(Map.of("attach", "nbd"), "parameter 'attach' is 'nbd'; allowed: auto, nbd-user");
    }

    @Test
    void theClaimsNamesBecomeLabelsAndNoParameters() {
        Map<String, String> given = Map.of(
                "csi.storage.k8s.io/pvc/name", "data-db-0",
                "csi.storage.k8s.io/pvc/namespace", "shop",
                "csi.storage.k8s.io/pv/name", "pvc-1",
                "replicas", "3");
        assertThat(of(given).replicas()).isEqualTo(3);
        assertThat(Parameters.labels(given))
                .containsEntry("kubernetes.claim", "data-db-0")
                .containsEntry("kubernetes.namespace", "shop")
                .containsEntry("kubernetes.volume", "pvc-1")
                .hasSize(3);
    }

    @Test
    void whatTheNodeIsToldGivesTheSameAgain() {
        Parameters given = of(Map.of("fsType", "xfs", "mkfsOptions", " -i  size=1024 "));
        assertThat(given.mkfsOptions()).containsExactly("-i", "size=1024");
        Map<String, String> context = new TreeMap<>(given.context());
        context.put("storage.kubernetes.io/csiProvisionerIdentity", "1732-8081-csi.varve.io");
        assertThat(Parameters.ofContext(context)).isEqualTo(given);
    }

    @Test
    void aVolumeAttributesClassWinsAndKnowsOnlyWhatMayChange() {
        assertThat(Parameters.of(Map.of("replicas", "1"), Map.of("replicas", "3"))
                        .replicas())
                .isEqualTo(3);
        assertThat(Parameters.of(Map.of("replicas", "1"), Map.of("iops", "500")).replicas())
                .isEqualTo(1);
        assertThatThrownBy(() -> Changes.of(Map.of("replicas", "2", "fsType", "xfs")))
                .hasMessage("mutable parameter 'fsType' is not known; allowed: bandwidth, burst, iops, replicas");
        assertThatThrownBy(() -> Parameters.of(Map.of(), Map.of("fsType", "xfs")))
                .hasMessageStartingWith("mutable parameter 'fsType' is not known");
    }

    @Test
    void limitsAreReadAndTheVolumeAttributesClassWins() {
        VolumeLimits limits = Changes.limits(
                Map.of("iops", "500", "bandwidth", "100MiB/s", "fsType", "xfs"), Map.of("iops", "none", "burst", "2s"));
        assertThat(limits)
                .isEqualTo(VolumeLimits.newBuilder()
                        .setIops(0)
                        .setBandwidthBytesPerSecond(100 << 20)
                        .setBurstMillis(2_000)
                        .build());
        assertThat(Changes.of(Map.of("bandwidth", "1GiB")))
                .isEqualTo(new Changes(
                        0,
                        LimitChange.newBuilder()
                                .setBandwidthBytesPerSecond(1 << 30)
                                .build()));
        assertThat(Changes.of(Map.of()).changesLimits()).isFalse();
    }

    @Test
    void limitsThatCannotBeAreRefusedWithWhatIsAllowed() {
        assertThatThrownBy(() -> of(Map.of("iops", "0")))
                .hasMessage("parameter 'iops' is '0'; allowed: 10 to 10000000, or none");
        assertThatThrownBy(() -> of(Map.of("bandwidth", "100Mi")))
                .hasMessage("parameter 'bandwidth' is '100Mi'; allowed: 1MiB/s to 1TiB/s, or none");
        assertThatThrownBy(() -> Changes.of(Map.of("iops", "500", "burst", "1h")))
                .hasMessage("parameter 'burst' is '1h'; allowed: 100ms to 60s, or default");
        assertThatThrownBy(() -> Parameters.of(Map.of(), Map.of("iops", "many")))
                .hasMessageStartingWith("parameter 'iops' is 'many'");
    }
}
