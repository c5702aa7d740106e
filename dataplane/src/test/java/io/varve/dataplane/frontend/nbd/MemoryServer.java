package io.varve.dataplane.frontend.nbd;

import io.vertx.core.transport.Transport;

/**
 * The target alone over a volume in memory, as a process: for real clients by hand, and to see what the front end itself costs.
 * Arguments: bytes of the volume, transport (io_uring, epoll, nio). Prints the URI; ends when standard input ends.
 */
final class MemoryServer {
    private MemoryServer() {}

    public static void main(String[] arguments) throws Exception {
        long bytes = arguments.length > 0 ? Long.parseLong(arguments[0]) : 1L << 30;
        Transport transport = switch (arguments.length > 1 ? arguments[1] : "io_uring") {
            case "io_uring" -> Transport.IO_URING;
            case "epoll" -> Transport.EPOLL;
            default -> Transport.NIO;
        };
        try (TargetUnderTest under = new TargetUnderTest(NbdLimits.DEFAULT, bytes, transport)) {
            System.out.println(under.uri());
            while (System.in.read() >= 0) {}
        }
    }
}
