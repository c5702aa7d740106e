package io.varve.control.raft;

/** This node takes no part in the metadata group any more: another member has to be asked. */
public final class StoreClosedException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    StoreClosedException() {
        super("this node is no member of the metadata group any more");
    }
}
