package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;

/** How a store's status goes over the wire. Numbers are never used again. */
final class StatusCode {
    private StatusCode() {}

    static int of(StoreStatus status) {
        return switch (status) {
            case OK -> 0;
            case NO_SPACE -> 1;
            case IO_ERROR -> 2;
            case BAD_BLOCK -> 3;
            case NOT_MEMBER -> 4;
            case NOT_READY -> 5;
        };
    }

    /** A number that this version does not know is an error of a kind that it does not know. */
    static StoreStatus status(int code) {
        return switch (code) {
            case 0 -> StoreStatus.OK;
            case 1 -> StoreStatus.NO_SPACE;
            case 3 -> StoreStatus.BAD_BLOCK;
            case 4 -> StoreStatus.NOT_MEMBER;
            case 5 -> StoreStatus.NOT_READY;
            default -> StoreStatus.IO_ERROR;
        };
    }
}
