package io.varve.control.api;

import java.io.IOException;
import java.util.Optional;

/** Something else than a join token by which a node shows who it is. Blocking. */
public interface JoinProof {
    /**
     * Why the secret does not prove that whoever shows it is this node; empty: it does.
     *
     * @throws IOException nobody could be asked: the node tries again
     */
    Optional<String> refusal(String node, String secret) throws IOException;
}
