package io.varve.control.membership;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.varve.api.membership.SealedRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The secret that the nodes of one cluster share, made with the cluster and told to each node when it registers. It names the membership, so
 * that strangers do not come in by chance, and authenticates every value of its maps, so that one who came in on purpose can withhold and
 * repeat what nodes said, but not say anything in their place. Safe from any thread.
 */
public final class MembershipKey {
    /** Of the secret, and of the codes. */
    public static final int BYTES = 32;

    private static final String ALGORITHM = "HmacSHA256";

    /** Of the name: enough that nobody guesses it. */
    private static final int NAME_BYTES = 16;

    private final SecretKeySpec key;

    /** @param secret {@link #BYTES} long */
    public MembershipKey(byte[] secret) {
        if (secret.length != BYTES) {
            throw new IllegalArgumentException("a membership key has " + BYTES + " bytes, not " + secret.length);
        }
        this.key = new SecretKeySpec(secret, ALGORITHM);
    }

    /** What a member must say to be let in. */
    String clusterName() {
        byte[] code = code("name", "", new byte[0]);
        return "varve-" + HexFormat.of().formatHex(code, 0, NAME_BYTES);
    }

    /** The content with a code that holds for this place only: a value moved to another key or map is none. */
    byte[] seal(String map, String place, byte[] content) {
        return SealedRecord.newBuilder()
                .setContent(ByteString.copyFrom(content))
                .setCode(ByteString.copyFrom(code(map, place, content)))
                .build()
                .toByteArray();
    }

    /** What was sealed for this place; empty when it was not sealed with this key. */
    Optional<byte[]> open(String map, String place, byte[] sealed) {
        try {
            SealedRecord record = SealedRecord.parseFrom(sealed);
            byte[] content = record.getContent().toByteArray();
            return MessageDigest.isEqual(record.getCode().toByteArray(), code(map, place, content))
                    ? Optional.of(content)
                    : Optional.empty();
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty();
        }
    }

    private byte[] code(String map, String place, byte[] content) {
        byte[] where = (map + "\n" + place).getBytes(StandardCharsets.UTF_8);
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            mac.update(ByteBuffer.allocate(4).putInt(where.length).array());
            mac.update(where);
            return mac.doFinal(content);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has " + ALGORITHM, e);
        }
    }
}
