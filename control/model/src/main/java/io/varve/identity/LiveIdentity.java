package io.varve.identity;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * The identity of a process that runs, as it is now: {@link #replace} gives it the next one, which every later handshake uses, while connections
 * that are there go on. Safe from any thread.
 */
public final class LiveIdentity {
    /** A handshake looks the alias up in two calls: the identity of the first must still be there for the second. */
    private static final int KEPT = 2;

    private final Map<String, Identity> byAlias = new ConcurrentHashMap<>();
    private final X509ExtendedKeyManager keys = new Keys();
    private volatile Identity now;
    private volatile int version = 1;
    private volatile Revocations revocations = Revocations.NONE;

    public LiveIdentity(Identity first) {
        this.now = first;
        byAlias.put(alias(1), first);
    }

    /** From now on this one. */
    public synchronized void replace(Identity next) {
        int following = version + 1;
        byAlias.put(alias(following), next);
        now = next;
        version = following;
        byAlias.remove(alias(following - KEPT));
    }

    public Identity now() {
        return now;
    }

    /** Shows the certificate of now. */
    public X509ExtendedKeyManager keys() {
        return keys;
    }

    /** Takes peers of these roles, whose certificates the authorities of now have issued. */
    public TrustedPeers peers(Set<Role> roles) {
        return new TrustedPeers(this::now, () -> revocations, roles, java.time.Clock.systemUTC());
    }

    /** From now on these certificates are not taken in any handshake. */
    public void revoke(Revocations next) {
        revocations = next;
    }

    public Revocations revocations() {
        return revocations;
    }

    private static String alias(int version) {
        return "v" + version;
    }

    private @Nullable String aliasFor(String... keyTypes) {
        Identity identity = now;
        if (identity.key().isEmpty()) {
            return null;
        }
        String own = identity.key().get().getAlgorithm();
        // Netty asks for kinds such as EC_EC, the JDK for EC.
        return Arrays.stream(keyTypes).anyMatch(type -> type.startsWith(own)) ? alias(version) : null;
    }

    private final class Keys extends X509ExtendedKeyManager {
        @Override
        public @Nullable String chooseEngineClientAlias(
                String[] keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
            return aliasFor(keyType);
        }

        @Override
        public @Nullable String chooseEngineServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
            return aliasFor(keyType);
        }

        @Override
        public @Nullable String chooseClientAlias(
                String[] keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return aliasFor(keyType);
        }

        @Override
        public @Nullable String chooseServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return aliasFor(keyType);
        }

        @Override
        public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
            return getServerAliases(keyType, issuers);
        }

        @Override
        public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
            String alias = aliasFor(keyType);
            return alias == null ? null : new String[] {alias};
        }

        @Override
        public X509Certificate @Nullable [] getCertificateChain(String alias) {
            Identity identity = byAlias.get(alias);
            return identity == null ? null : identity.chain().toArray(X509Certificate[]::new);
        }

        @Override
        public @Nullable PrivateKey getPrivateKey(String alias) {
            Identity identity = byAlias.get(alias);
            return identity == null ? null : identity.key().orElse(null);
        }
    }
}
