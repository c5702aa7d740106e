package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.TruthResult;
import io.varve.api.Volume;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a command came to. A code other than TRUTH_OK means that nothing was changed, except for OPEN, where each slab has a
 * code of its own.
 *
 * @param message for people; empty when OK
 * @param index the command's place in the log
 * @param clusterUuid answered by InitCluster and RegisterNode, else empty
 * @param volume as it stands after this very command, with its slabs; null when the command concerned none
 * @param slabs answered by Open: one for each slab asked for, in that order
 * @param groups answered by Attach: every group with a replica of the volume
 */
public record MetaResult(
        TruthCode code,
        String message,
        long index,
        String clusterUuid,
        @Nullable Volume volume,
        List<SlabOpened> slabs,
        List<DiskGroup> groups) {
    public MetaResult {
        slabs = List.copyOf(slabs);
        groups = List.copyOf(groups);
    }

    static MetaResult ok(long index) {
        return new MetaResult(TruthCode.TRUTH_OK, "", index, "", null, List.of(), List.of());
    }

    static MetaResult no(TruthCode code, long index, String message) {
        return new MetaResult(code, message, index, "", null, List.of(), List.of());
    }

    MetaResult withCluster(String uuid) {
        return new MetaResult(code, message, index, uuid, volume, slabs, groups);
    }

    MetaResult withVolume(Volume after) {
        return new MetaResult(code, message, index, clusterUuid, after, slabs, groups);
    }

    MetaResult withSlabs(List<SlabOpened> answers) {
        return new MetaResult(code, message, index, clusterUuid, volume, answers, groups);
    }

    MetaResult withGroups(List<DiskGroup> holders) {
        return new MetaResult(code, message, index, clusterUuid, volume, slabs, holders);
    }

    /** The volume, for callers that know that the command concerned one. */
    public Volume requireVolume() {
        if (volume == null) {
            throw new IllegalStateException("a command about a volume answered without it: " + this);
        }
        return volume;
    }

    public boolean isOk() {
        return code == TruthCode.TRUTH_OK;
    }

    /** The part that every Truth call answers with. */
    public TruthResult truth() {
        return TruthResult.newBuilder()
                .setCode(code)
                .setMessage(message)
                .setIndex(index)
                .build();
    }
}
