package io.varve.csi;

import io.varve.model.VolumeName;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A volume's id is its name in the cluster, so that people find it, and so that one that was made by hand can be used by its name. Pure. */
final class VolumeIds {
    private static final int DIGEST_CHARS = 40;

    private VolumeIds() {}

    /** The name that a volume gets: the one asked for if it can be one; else one that follows from it. */
    static String of(String asked) {
        return VolumeName.isValid(asked) ? asked : "csi-" + digest(asked).substring(0, DIGEST_CHARS);
    }

    /** The call repeated is known by it. */
    static String requestId(String asked) {
        return "csi:" + digest(asked);
    }

    private static String digest(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }
}
