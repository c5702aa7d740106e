package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Layouts of the control messages. Stateless; what it decodes has been checked, the header's checksums before. */
public final class MessageCodec {
    /** Longest text: names, UUIDs, reasons; a longer reason is cut. */
    public static final int MAX_TEXT_BYTES = 512;

    private static final int HEARTBEAT_FIXED = 16;
    private static final int LEASES_FIXED = 40;
    private static final int LEASE_BYTES = 16;

    private MessageCodec() {}

    /** The whole head of a frame. Payload, where the type has some, is the caller's to add. */
    public static ByteBuf encode(
            FrameWriter writer, Message message, int requestId, long stream, int epoch, int gen, int payloadLength) {
        ByteBuf head = writer.start(64);
        switch (message) {
            case Message.Hello m -> {
                head.writeByte(m.minVersion()).writeByte(m.maxVersion()).writeShortLE(0);
                head.writeLongLE(m.incarnation());
                writeText(head, m.cluster());
                writeText(head, m.node());
                writeText(head, m.group());
            }
            case Message.Refused m -> writeText(head, m.reason());
            case Message.Seal m ->
                head.writeLongLE(m.creationId())
                        .writeLongLE(m.nodeHash())
                        .writeLongLE(m.incarnation())
                        .writeLongLE(m.attachHash());
            case Message.Sealed m ->
                head.writeLongLE(m.lastSeq())
                        .writeIntLE(m.lastEpoch())
                        .writeIntLE(m.layer())
                        .writeLongLE(m.commitSeq())
                        .writeLongLE(m.suspectFromSeq())
                        .writeLongLE(m.journalCredit())
                        .writeLongLE(m.pieceCredit());
            case Message.LeaseHeld m ->
                head.writeLongLE(m.remainingNanos()).writeIntLE(m.holderEpoch()).writeIntLE(0);
            case Message.SealRefused m -> head.writeIntLE(m.code().code()).writeIntLE(m.promisedEpoch());
            case Message.Heartbeat m -> {
                head.writeLongLE(m.nanos());
                writeVolumes(head, m.volumes(), m.epochs());
            }
            case Message.Leases m -> {
                head.writeLongLE(m.echoedNanos()).writeLongLE(m.termNanos());
                head.writeLongLE(m.journalCredit()).writeLongLE(m.pieceCredit());
                writeVolumes(head, m.volumes(), m.epochs());
            }
            case Message.FetchTail m -> head.writeLongLE(m.fromSeq()).writeLongLE(m.toSeq());
            case Message.TailEnd m -> head.writeLongLE(m.status());
            case Message.Mapped m ->
                head.writeIntLE(m.status()).writeIntLE(m.pieces()).writeIntLE(m.crc());
            case Message.DigestRequest m -> head.writeIntLE(m.extent());
            case Message.Digested m ->
                head.writeIntLE(m.status()).writeIntLE(m.crc()).writeLongLE(m.version());
            case Message.RepairRequest m ->
                head.writeIntLE(m.block()).writeIntLE(m.crc()).writeLongLE(m.version());
            case Message.Repaired m -> head.writeIntLE(m.status());
            case Message.Reclaimed m -> head.writeLongLE(m.journalCredit()).writeLongLE(m.pieceCredit());
            case Message.Prepared m -> head.writeLongLE(m.status()).writeLongLE(m.cutSeq());
            case Message.Newer m -> head.writeLongLE(m.seq());
            case Message.NewerExtents m ->
                head.writeIntLE(m.status()).writeIntLE(m.extents()).writeIntLE(m.crc());
            case Message.Join m ->
                head.writeLongLE(m.session())
                        .writeLongLE(m.joinSeq())
                        .writeIntLE(m.extents())
                        .writeIntLE(m.crc());
            case Message.Joined m ->
                head.writeIntLE(m.status()).writeIntLE(m.extents()).writeIntLE(m.crc());
            case Message.Finish m -> head.writeLongLE(m.session()).writeLongLE(m.commitSeq());
            case Message.Finished m -> head.writeLongLE(m.status());
            case Message.Prepare m -> {}
            case Message.Reclaim m -> {}
            case Message.Release m -> {}
            case Message.MapRequest m -> {}
        }
        return writer.finish(head, message.type(), requestId, stream, epoch, gen, payloadLength);
    }

    /** Null if the metadata is not what its type demands. */
    public static @Nullable Message decode(Header header, ByteBuf meta, int at) {
        int length = header.metaLength;
        if (header.payloadLength != 0 && !mayHavePayload(header.type)) {
            return null;
        }
        return switch (header.type) {
            case HELLO -> decodeHello(meta, at, length);
            case REFUSED -> {
                String reason = text(meta, at, at + length);
                yield reason != null && textBytes(meta, at) + 2 == length ? new Message.Refused(reason) : null;
            }
            case SEAL ->
                length != 32
                        ? null
                        : new Message.Seal(
                                meta.getLongLE(at),
                                meta.getLongLE(at + 8),
                                meta.getLongLE(at + 16),
                                meta.getLongLE(at + 24));
            case SEALED -> length != 48 ? null : decodeSealed(meta, at);
            case LEASE_HELD -> length != 16 ? null : new Message.LeaseHeld(meta.getLongLE(at), meta.getIntLE(at + 8));
            case SEAL_REFUSED -> {
                Refusal code = length != 8 ? null : Refusal.of(meta.getUnsignedByte(at));
                yield code == null ? null : new Message.SealRefused(code, meta.getIntLE(at + 4));
            }
            case HEARTBEAT -> {
                int n = volumeCount(meta, at + 8, length, HEARTBEAT_FIXED);
                yield n < 0
                        ? null
                        : new Message.Heartbeat(
                                meta.getLongLE(at),
                                volumes(meta, at + HEARTBEAT_FIXED, n),
                                epochs(meta, at + HEARTBEAT_FIXED, n));
            }
            case LEASES -> {
                int n = volumeCount(meta, at + 32, length, LEASES_FIXED);
                yield n < 0
                        ? null
                        : new Message.Leases(
                                meta.getLongLE(at),
                                meta.getLongLE(at + 8),
                                meta.getLongLE(at + 16),
                                meta.getLongLE(at + 24),
                                volumes(meta, at + LEASES_FIXED, n),
                                epochs(meta, at + LEASES_FIXED, n));
            }
            case RELEASE -> length != 0 ? null : new Message.Release();
            case FETCH_TAIL -> {
                boolean sound = length == 16 && meta.getLongLE(at) > 0 && meta.getLongLE(at) <= meta.getLongLE(at + 8);
                yield sound ? new Message.FetchTail(meta.getLongLE(at), meta.getLongLE(at + 8)) : null;
            }
            case TAIL_END -> length != 8 ? null : new Message.TailEnd(meta.getUnsignedByte(at));
            case MAP -> length != 0 ? null : new Message.MapRequest();
            case MAPPED -> length != 12 ? null : decodeMapped(header, meta, at);
            case DIGEST -> {
                int extent = length != 4 ? -1 : meta.getIntLE(at);
                yield extent < 0 || extent >= io.varve.model.Geometry.EXTENTS_PER_SLAB
                        ? null
                        : new Message.DigestRequest(extent);
            }
            case DIGESTED ->
                length != 16
                        ? null
                        : new Message.Digested(meta.getUnsignedByte(at), meta.getIntLE(at + 4), meta.getLongLE(at + 8));
            case REPAIR -> {
                boolean sound = length == 16
                        && header.payloadLength == io.varve.model.Geometry.BLOCK_BYTES
                        && meta.getIntLE(at) >= 0
                        && meta.getIntLE(at) < io.varve.model.Geometry.BLOCKS_PER_SLAB;
                yield sound
                        ? new Message.RepairRequest(meta.getIntLE(at), meta.getIntLE(at + 4), meta.getLongLE(at + 8))
                        : null;
            }
            case REPAIRED -> length != 4 ? null : new Message.Repaired(meta.getUnsignedByte(at));
            case RECLAIM -> length != 0 ? null : new Message.Reclaim();
            case RECLAIMED -> length != 16 ? null : new Message.Reclaimed(meta.getLongLE(at), meta.getLongLE(at + 8));
            case PREPARE, PREPARED, NEWER, NEWER_EXTENTS, JOIN, JOINED, FINISH, FINISHED ->
                decodeResync(header, meta, at);
            default -> null;
        };
    }

    private static boolean mayHavePayload(MessageType type) {
        return switch (type) {
            case MAPPED, REPAIR, NEWER_EXTENTS, JOIN, JOINED -> true;
            default -> false;
        };
    }

    private static @Nullable Message decodeResync(Header header, ByteBuf meta, int at) {
        int length = header.metaLength;
        return switch (header.type) {
            case PREPARE -> length != 0 ? null : new Message.Prepare();
            case PREPARED ->
                length != 16 || meta.getLongLE(at + 8) < 0
                        ? null
                        : new Message.Prepared(meta.getUnsignedByte(at), meta.getLongLE(at + 8));
            case NEWER -> length != 8 || meta.getLongLE(at) < 0 ? null : new Message.Newer(meta.getLongLE(at));
            case NEWER_EXTENTS ->
                length != 12 || !areExtents(header, meta.getIntLE(at + 4))
                        ? null
                        : new Message.NewerExtents(
                                meta.getUnsignedByte(at), meta.getIntLE(at + 4), meta.getIntLE(at + 8));
            case JOIN -> {
                boolean sound = length == 24
                        && meta.getLongLE(at) != 0
                        && meta.getLongLE(at + 8) > 0
                        && areExtents(header, meta.getIntLE(at + 16));
                yield sound
                        ? new Message.Join(
                                meta.getLongLE(at),
                                meta.getLongLE(at + 8),
                                meta.getIntLE(at + 16),
                                meta.getIntLE(at + 20))
                        : null;
            }
            case JOINED ->
                length != 12 || !areExtents(header, meta.getIntLE(at + 4))
                        ? null
                        : new Message.Joined(meta.getUnsignedByte(at), meta.getIntLE(at + 4), meta.getIntLE(at + 8));
            case FINISH ->
                length != 16 || meta.getLongLE(at) == 0 || meta.getLongLE(at + 8) < 0
                        ? null
                        : new Message.Finish(meta.getLongLE(at), meta.getLongLE(at + 8));
            case FINISHED -> length != 8 ? null : new Message.Finished(meta.getUnsignedByte(at));
            default -> null;
        };
    }

    private static boolean areExtents(Header header, int extents) {
        return extents >= 0
                && extents <= io.varve.model.Geometry.EXTENTS_PER_SLAB
                && header.payloadLength == ExtentBits.bytes(extents);
    }

    private static @Nullable Message decodeHello(ByteBuf meta, int at, int length) {
        int end = at + length;
        if (length < 12) {
            return null;
        }
        int clusterAt = at + 12;
        String cluster = text(meta, clusterAt, end);
        int nodeAt = cluster == null ? end : clusterAt + 2 + textBytes(meta, clusterAt);
        String node = text(meta, nodeAt, end);
        int groupAt = node == null ? end : nodeAt + 2 + textBytes(meta, nodeAt);
        String group = text(meta, groupAt, end);
        if (cluster == null || node == null || group == null || groupAt + 2 + textBytes(meta, groupAt) != end) {
            return null;
        }
        return new Message.Hello(
                meta.getUnsignedByte(at), meta.getUnsignedByte(at + 1), meta.getLongLE(at + 4), cluster, node, group);
    }

    private static @Nullable Message decodeSealed(ByteBuf meta, int at) {
        long lastSeq = meta.getLongLE(at);
        long commitSeq = meta.getLongLE(at + 16);
        return lastSeq < 0 || commitSeq < 0
                ? null
                : new Message.Sealed(
                        lastSeq,
                        meta.getIntLE(at + 8),
                        meta.getIntLE(at + 12),
                        commitSeq,
                        meta.getLongLE(at + 24),
                        meta.getLongLE(at + 32),
                        meta.getLongLE(at + 40));
    }

    private static @Nullable Message decodeMapped(Header header, ByteBuf meta, int at) {
        int pieces = meta.getIntLE(at + 4);
        int most = io.varve.model.Geometry.BLOCKS_PER_SLAB / io.varve.model.Geometry.BLOCKS_PER_PIECE;
        return pieces < 0 || pieces > most || header.payloadLength != (pieces + 7) / 8
                ? null
                : new Message.Mapped(meta.getUnsignedByte(at), pieces, meta.getIntLE(at + 8));
    }

    private static void writeText(ByteBuf to, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, MAX_TEXT_BYTES);
        to.writeShortLE(length);
        to.writeBytes(bytes, 0, length);
    }

    private static int textBytes(ByteBuf meta, int at) {
        return meta.getUnsignedShortLE(at);
    }

    /** Null if it is too long or no UTF-8: replaced characters would make different names equal. */
    private static @Nullable String text(ByteBuf meta, int at, int end) {
        if (at + 2 > end) {
            return null;
        }
        int length = textBytes(meta, at);
        return length > MAX_TEXT_BYTES
                        || at + 2 + length > end
                        || !ByteBufUtil.isText(meta, at + 2, length, StandardCharsets.UTF_8)
                ? null
                : meta.toString(at + 2, length, StandardCharsets.UTF_8);
    }

    private static void writeVolumes(ByteBuf to, long[] volumes, int[] epochs) {
        to.writeIntLE(volumes.length);
        to.writeIntLE(0);
        for (int i = 0; i < volumes.length; i++) {
            to.writeLongLE(volumes[i]);
            to.writeIntLE(epochs[i]);
            to.writeIntLE(0);
        }
    }

    /** −1 if the count does not fit the length. */
    private static int volumeCount(ByteBuf meta, int countAt, int length, int fixed) {
        if (length < fixed) {
            return -1;
        }
        int n = meta.getIntLE(countAt);
        return n < 0 || n > Message.Heartbeat.MAX_VOLUMES || length != fixed + n * LEASE_BYTES ? -1 : n;
    }

    private static long[] volumes(ByteBuf meta, int at, int n) {
        long[] volumes = new long[n];
        for (int i = 0; i < n; i++) {
            volumes[i] = meta.getLongLE(at + i * LEASE_BYTES);
        }
        return volumes;
    }

    private static int[] epochs(ByteBuf meta, int at, int n) {
        int[] epochs = new int[n];
        for (int i = 0; i < n; i++) {
            epochs[i] = meta.getIntLE(at + i * LEASE_BYTES + 8);
        }
        return epochs;
    }
}
