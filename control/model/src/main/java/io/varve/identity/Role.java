package io.varve.identity;

import java.util.Arrays;
import java.util.Optional;

/** What a caller may do. */
public enum Role {
    /** A node of the cluster: the wire, the metadata group, the truth, and to pass on what people ask of it. */
    NODE("node"),
    /** Everything that people do. */
    ADMIN("admin"),
    /** What a driver that hands out volumes needs: make, attach, detach, delete, look. */
    CSI("csi"),
    /** Look. */
    READ_ONLY("read-only");

    private final String text;

    Role(String text) {
        this.text = text;
    }

    /** As people write it. */
    public String text() {
        return text;
    }

    public static Optional<Role> of(String text) {
        return Arrays.stream(values()).filter(role -> role.text.equals(text)).findFirst();
    }

    /** Whether whoever has this role may do what is asked of the other. A node is no person: it includes none of theirs. */
    public boolean includes(Role other) {
        return switch (this) {
            case NODE -> other == NODE;
            case ADMIN -> other != NODE;
            case CSI -> other == CSI || other == READ_ONLY;
            case READ_ONLY -> other == READ_ONLY;
        };
    }
}
