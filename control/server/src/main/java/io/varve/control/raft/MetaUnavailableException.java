package io.varve.control.raft;

import org.jspecify.annotations.Nullable;

/** The metadata group did not answer in time: no majority, no leader, or too much asked at once. A change may still happen. */
public final class MetaUnavailableException extends Exception {
    private static final long serialVersionUID = 1L;

    MetaUnavailableException(String message) {
        super(message);
    }

    MetaUnavailableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
