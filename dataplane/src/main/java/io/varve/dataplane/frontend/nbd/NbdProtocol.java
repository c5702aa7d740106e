package io.varve.dataplane.frontend.nbd;

/**
 * Numbers and layouts of the NBD protocol, all big endian. The section of the protocol document (doc/proto.md) stands above each
 * group; names are the document's without the prefix {@code NBD_}.
 */
final class NbdProtocol {
    // Section "Newstyle negotiation"
    /** "NBDMAGIC". */
    static final long INIT_PASSWD = 0x4e42444d41474943L;
    /** "IHAVEOPT", in the greeting and before each option. */
    static final long OPTION_MAGIC = 0x49484156454F5054L;

    /** Magic, option, length of the data. */
    static final int OPTION_HEADER_BYTES = 16;

    static final int CLIENT_FLAGS_BYTES = 4;
    /** Zeros behind the answer to EXPORT_NAME, unless NO_ZEROES was agreed on. */
    static final int EXPORT_NAME_PADDING_BYTES = 124;

    /** Magic, option, type, length of the data: section "Fixed newstyle negotiation". */
    static final long OPTION_REPLY_MAGIC = 0x3e889045565a9L;

    // Section "Handshake flags" and "Client flags"
    static final int FLAG_FIXED_NEWSTYLE = 1;
    static final int FLAG_NO_ZEROES = 1 << 1;

    // Section "Transmission flags"
    static final int FLAG_HAS_FLAGS = 1;
    static final int FLAG_SEND_FLUSH = 1 << 2;
    static final int FLAG_SEND_FUA = 1 << 3;
    static final int FLAG_SEND_TRIM = 1 << 5;
    static final int FLAG_SEND_WRITE_ZEROES = 1 << 6;
    /** Only after structured replies were agreed on. */
    static final int FLAG_SEND_DF = 1 << 7;

    static final int FLAG_CAN_MULTI_CONN = 1 << 8;
    static final int FLAG_SEND_CACHE = 1 << 10;
    static final int FLAG_SEND_FAST_ZERO = 1 << 11;

    // Section "Option types"
    static final int OPT_EXPORT_NAME = 1;
    static final int OPT_ABORT = 2;
    static final int OPT_LIST = 3;
    static final int OPT_STARTTLS = 5;
    static final int OPT_INFO = 6;
    static final int OPT_GO = 7;
    static final int OPT_STRUCTURED_REPLY = 8;
    static final int OPT_LIST_META_CONTEXT = 9;
    static final int OPT_SET_META_CONTEXT = 10;

    // Section "Option reply types"
    static final int REP_ACK = 1;
    static final int REP_SERVER = 2;
    static final int REP_INFO = 3;
    static final int REP_META_CONTEXT = 4;
    static final int REP_ERR_UNSUP = 1 << 31 | 1;
    static final int REP_ERR_POLICY = 1 << 31 | 2;
    static final int REP_ERR_INVALID = 1 << 31 | 3;
    static final int REP_ERR_UNKNOWN = 1 << 31 | 6;
    static final int REP_ERR_TOO_BIG = 1 << 31 | 9;

    // Section "Option types", NBD_OPT_INFO: kinds of information
    static final int INFO_EXPORT = 0;
    static final int INFO_NAME = 1;
    static final int INFO_BLOCK_SIZE = 3;

    // Section "Values", "String length": longest name or query.
    static final int MAX_STRING_BYTES = 4096;

    // Section "Metadata contexts"
    static final String BASE_ALLOCATION = "base:allocation";
    static final String BASE_NAMESPACE = "base:";
    static final int STATE_HOLE = 1;
    static final int STATE_ZERO = 1 << 1;
    static final int BLOCK_DESCRIPTOR_BYTES = 8;

    // Section "Request message"
    static final int REQUEST_MAGIC = 0x25609513;
    /** Magic, flags u16, type u16, cookie u64, offset u64, length u32. */
    static final int REQUEST_HEADER_BYTES = 28;

    // Section "Simple reply message"
    static final int SIMPLE_REPLY_MAGIC = 0x67446698;
    /** Magic, error u32, cookie u64. */
    static final int SIMPLE_REPLY_BYTES = 16;

    // Section "Structured reply chunk message"
    static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;
    /** Magic, flags u16, type u16, cookie u64, length u32. */
    static final int CHUNK_HEADER_BYTES = 20;

    static final int REPLY_FLAG_DONE = 1;
    static final int REPLY_TYPE_NONE = 0;
    static final int REPLY_TYPE_OFFSET_DATA = 1;
    static final int REPLY_TYPE_BLOCK_STATUS = 5;
    static final int REPLY_TYPE_ERROR = 1 << 15 | 1;

    // Section "Request types"
    static final int CMD_READ = 0;
    static final int CMD_WRITE = 1;
    static final int CMD_DISC = 2;
    static final int CMD_FLUSH = 3;
    static final int CMD_TRIM = 4;
    static final int CMD_CACHE = 5;
    static final int CMD_WRITE_ZEROES = 6;
    static final int CMD_BLOCK_STATUS = 7;

    // Section "Command flags"
    static final int CMD_FLAG_FUA = 1;
    static final int CMD_FLAG_NO_HOLE = 1 << 1;
    static final int CMD_FLAG_DF = 1 << 2;
    static final int CMD_FLAG_REQ_ONE = 1 << 3;
    static final int CMD_FLAG_FAST_ZERO = 1 << 4;

    // Section "Block size constraints", as told in INFO_BLOCK_SIZE.
    static final int MIN_BLOCK_BYTES = 1;
    /** Largest payload of a READ or WRITE. Commands without a payload may span up to 4 GiB - 1. */
    static final int MAX_PAYLOAD_BYTES = 32 << 20;

    private NbdProtocol() {}
}
