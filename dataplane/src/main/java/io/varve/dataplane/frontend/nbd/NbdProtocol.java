package io.varve.dataplane.frontend.nbd;

/**
 * Numbers and layouts of the NBD protocol, all big endian. The section of the protocol document (doc/proto.md) stands above each
 * group; names are the document's without the prefix {@code NBD_}.
 */
public final class NbdProtocol {
    // Section "Newstyle negotiation"
    /** "NBDMAGIC". */
    public static final long INIT_PASSWD = 0x4e42444d41474943L;
    /** "IHAVEOPT", in the greeting and before each option. */
    public static final long OPTION_MAGIC = 0x49484156454F5054L;

    /** Magic, option, length of the data. */
    public static final int OPTION_HEADER_BYTES = 16;

    public static final int CLIENT_FLAGS_BYTES = 4;
    /** Zeros behind the answer to EXPORT_NAME, unless NO_ZEROES was agreed on. */
    public static final int EXPORT_NAME_PADDING_BYTES = 124;

    /** Magic, option, type, length of the data: section "Fixed newstyle negotiation". */
    public static final long OPTION_REPLY_MAGIC = 0x3e889045565a9L;

    // Section "Handshake flags" and "Client flags"
    public static final int FLAG_FIXED_NEWSTYLE = 1;
    public static final int FLAG_NO_ZEROES = 1 << 1;

    // Section "Transmission flags"
    public static final int FLAG_HAS_FLAGS = 1;
    public static final int FLAG_SEND_FLUSH = 1 << 2;
    public static final int FLAG_SEND_FUA = 1 << 3;
    public static final int FLAG_SEND_TRIM = 1 << 5;
    public static final int FLAG_SEND_WRITE_ZEROES = 1 << 6;
    /** Only after structured replies were agreed on. */
    public static final int FLAG_SEND_DF = 1 << 7;

    public static final int FLAG_CAN_MULTI_CONN = 1 << 8;
    public static final int FLAG_SEND_CACHE = 1 << 10;
    public static final int FLAG_SEND_FAST_ZERO = 1 << 11;

    // Section "Option types"
    public static final int OPT_EXPORT_NAME = 1;
    public static final int OPT_ABORT = 2;
    public static final int OPT_LIST = 3;
    public static final int OPT_STARTTLS = 5;
    public static final int OPT_INFO = 6;
    public static final int OPT_GO = 7;
    public static final int OPT_STRUCTURED_REPLY = 8;
    public static final int OPT_LIST_META_CONTEXT = 9;
    public static final int OPT_SET_META_CONTEXT = 10;

    // Section "Option reply types"
    public static final int REP_ACK = 1;
    public static final int REP_SERVER = 2;
    public static final int REP_INFO = 3;
    public static final int REP_META_CONTEXT = 4;
    public static final int REP_ERR_UNSUP = 1 << 31 | 1;
    public static final int REP_ERR_POLICY = 1 << 31 | 2;
    public static final int REP_ERR_INVALID = 1 << 31 | 3;
    public static final int REP_ERR_UNKNOWN = 1 << 31 | 6;
    public static final int REP_ERR_TOO_BIG = 1 << 31 | 9;

    // Section "Option types", NBD_OPT_INFO: kinds of information
    public static final int INFO_EXPORT = 0;
    public static final int INFO_NAME = 1;
    public static final int INFO_BLOCK_SIZE = 3;

    // Section "Values", "String length": longest name or query.
    public static final int MAX_STRING_BYTES = 4096;

    // Section "Metadata contexts"
    public static final String BASE_ALLOCATION = "base:allocation";
    public static final String BASE_NAMESPACE = "base:";
    /**
     * Of Varve's own clients, whose namespace the document leaves to them: who sets it hears of requests that wait because the volume's limits hold them back
     * (docs/internals/qos.md).
     */
    public static final String HELD_BACK = "x-varve:held-back";

    public static final int STATE_HOLE = 1;
    public static final int STATE_ZERO = 1 << 1;
    public static final int BLOCK_DESCRIPTOR_BYTES = 8;

    // Section "Request message"
    public static final int REQUEST_MAGIC = 0x25609513;
    /** Magic, flags u16, type u16, cookie u64, offset u64, length u32. */
    public static final int REQUEST_HEADER_BYTES = 28;

    // Section "Simple reply message"
    public static final int SIMPLE_REPLY_MAGIC = 0x67446698;
    /** Magic, error u32, cookie u64. */
    public static final int SIMPLE_REPLY_BYTES = 16;

    // Section "Structured reply chunk message"
    public static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;
    /** Magic, flags u16, type u16, cookie u64, length u32. */
    public static final int CHUNK_HEADER_BYTES = 20;

    public static final int REPLY_FLAG_DONE = 1;
    public static final int REPLY_TYPE_NONE = 0;
    public static final int REPLY_TYPE_OFFSET_DATA = 1;
    public static final int REPLY_TYPE_BLOCK_STATUS = 5;
    public static final int REPLY_TYPE_ERROR = 1 << 15 | 1;
    /** To who has set {@link #HELD_BACK}: not the answer, which comes later. Without data, never the last chunk. */
    public static final int REPLY_TYPE_HELD_BACK = 0x5601;

    // Section "Request types"
    public static final int CMD_READ = 0;
    public static final int CMD_WRITE = 1;
    public static final int CMD_DISC = 2;
    public static final int CMD_FLUSH = 3;
    public static final int CMD_TRIM = 4;
    public static final int CMD_CACHE = 5;
    public static final int CMD_WRITE_ZEROES = 6;
    public static final int CMD_BLOCK_STATUS = 7;

    // Section "Command flags"
    public static final int CMD_FLAG_FUA = 1;
    public static final int CMD_FLAG_NO_HOLE = 1 << 1;
    public static final int CMD_FLAG_DF = 1 << 2;
    public static final int CMD_FLAG_REQ_ONE = 1 << 3;
    public static final int CMD_FLAG_FAST_ZERO = 1 << 4;

    // Section "Block size constraints", as told in INFO_BLOCK_SIZE.
    public static final int MIN_BLOCK_BYTES = 1;
    /** Largest payload of a READ or WRITE. Commands without a payload may span up to 4 GiB - 1. */
    public static final int MAX_PAYLOAD_BYTES = 32 << 20;

    private NbdProtocol() {}
}
