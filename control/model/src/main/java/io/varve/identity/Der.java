package io.varve.identity;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Writes the few kinds of DER values (X.690) that a certificate is made of. Nothing is read here: that is left to the JDK. */
final class Der {
    /** RFC 5280, 4.1.2.5: dates from 2050 on are written with four digits. */
    private static final Instant FOUR_DIGITS_FROM = Instant.parse("2050-01-01T00:00:00Z");

    private static final DateTimeFormatter TWO_DIGITS =
            DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final DateTimeFormatter FOUR_DIGITS =
            DateTimeFormatter.ofPattern("yyyyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);

    private Der() {}

    static byte[] sequence(byte[]... parts) {
        return tagged(0x30, parts);
    }

    static byte[] set(byte[]... parts) {
        return tagged(0x31, parts);
    }

    static byte[] integer(BigInteger value) {
        return tagged(0x02, value.toByteArray());
    }

    static byte[] isTrue() {
        return tagged(0x01, new byte[] {(byte) 0xff});
    }

    static byte[] octets(byte[] content) {
        return tagged(0x04, content);
    }

    /** Whole octets. */
    static byte[] bits(byte[] content) {
        return tagged(0x03, new byte[] {0}, content);
    }

    /** Up to eight named bits, the first one being the highest of {@code flags}. */
    static byte[] flags(int flags) {
        return tagged(0x03, new byte[] {(byte) Integer.numberOfTrailingZeros(flags), (byte) flags});
    }

    static byte[] text(String value) {
        return tagged(0x0c, value.getBytes(StandardCharsets.UTF_8));
    }

    /** Context-specific, primitive: takes the place of the type's own tag. */
    static byte[] implicit(int tag, byte[] content) {
        return tagged(0x80 | tag, content);
    }

    /** Context-specific, constructed: around a value with its own tag. */
    static byte[] explicit(int tag, byte[] value) {
        return tagged(0xa0 | tag, value);
    }

    static byte[] time(Instant instant) {
        return instant.isBefore(FOUR_DIGITS_FROM)
                ? tagged(0x17, TWO_DIGITS.format(instant).getBytes(StandardCharsets.US_ASCII))
                : tagged(0x18, FOUR_DIGITS.format(instant).getBytes(StandardCharsets.US_ASCII));
    }

    static byte[] oid(String dotted) {
        String[] arcs = dotted.split("\\.", -1);
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        content.write(40 * Integer.parseInt(arcs[0]) + Integer.parseInt(arcs[1]));
        for (int i = 2; i < arcs.length; i++) {
            writeBase128(content, Integer.parseInt(arcs[i]));
        }
        return tagged(0x06, content.toByteArray());
    }

    private static void writeBase128(ByteArrayOutputStream to, int value) {
        for (int shift = 28; shift > 0; shift -= 7) {
            if (value >>> shift != 0) {
                to.write((value >>> shift & 0x7f) | 0x80);
            }
        }
        to.write(value & 0x7f);
    }

    private static byte[] tagged(int tag, byte[]... parts) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            content.writeBytes(part);
        }
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.write(tag);
        writeLength(whole, content.size());
        whole.writeBytes(content.toByteArray());
        return whole.toByteArray();
    }

    private static void writeLength(ByteArrayOutputStream to, int length) {
        if (length < 0x80) {
            to.write(length);
        } else if (length < 0x100) {
            to.write(0x81);
            to.write(length);
        } else {
            to.write(0x82);
            to.write(length >>> 8);
            to.write(length);
        }
    }
}
