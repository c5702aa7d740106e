package io.varve.cli.command;

/** How the program ends; the list is part of {@code varve --help}. Scripts rely on the numbers: never reuse one. */
public final class ExitCode {
    public static final int OK = 0;
    /** The cluster or this machine could not do it. */
    public static final int FAILED = 1;
    /** The command line or the configuration is wrong; nothing was tried. */
    public static final int USAGE = 2;
    /** No server answered. */
    public static final int UNREACHABLE = 3;
    /** What was named does not exist. */
    public static final int NOT_FOUND = 4;
    /**
     * {@code status --check}: data is not safe. {@code volume verify}: replicas differ, or a block is damaged on all of them.
     * {@code node restart-check}: the node must not be stopped now. {@code node check}, {@code disk check}: it must stay.
     */
    public static final int NOT_SAFE = 5;
    /** Another process uses the same data directory. */
    public static final int IN_USE = 6;
    /** A graceful stop took too long. */
    public static final int STOP_TIMED_OUT = 7;
    /** A node cannot listen where it is told to: another process has the port, or this machine not the address. */
    public static final int CANNOT_LISTEN = 8;

    private ExitCode() {}
}
