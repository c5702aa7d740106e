package io.varve.control.api;

import io.varve.identity.IdentityDirectory;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What a node needs to give certificates to others.
 *
 * @param directory where the authority's key is, on nodes that have it
 * @param lifetime of the certificates that it gives
 * @param address where this node's management API is reached by the others
 * @param members names of the first metadata members; as long as no list is kept, they get the authority's key too
 * @param proof what lets a node in besides a join token, never one that is, becomes or was first a metadata member
 */
public record Issuing(
        IdentityDirectory directory,
        Duration lifetime,
        String address,
        Set<String> members,
        Optional<JoinProof> proof) {
    public Issuing {
        members = Set.copyOf(members);
    }
}
