package io.varve.control.truth;

import io.varve.identity.LiveIdentity;
import io.varve.identity.Role;
import io.vertx.core.http.ClientAuth;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.KeyCertOptions;
import io.vertx.core.net.OpenSSLEngineOptions;
import io.vertx.core.net.TCPSSLOptions;
import io.vertx.core.net.TrustOptions;
import java.util.EnumSet;
import java.util.Set;

/** TLS 1.3 on management addresses. The identity is asked at every handshake, so that a renewed certificate is shown without a restart. */
public final class ManagementTls {
    private static final Set<String> PROTOCOLS = Set.of("TLSv1.3");

    private ManagementTls() {}

    /** Whoever connects may show a certificate; who shows none needs an API token. A certificate that is shown must be good. */
    public static HttpServerOptions server(HttpServerOptions options, LiveIdentity identity) {
        secure(options, identity, EnumSet.allOf(Role.class));
        return options.setUseAlpn(true).setClientAuth(ClientAuth.REQUEST);
    }

    /** Speaks to nodes of the cluster only. */
    public static HttpClientOptions client(HttpClientOptions options, LiveIdentity identity) {
        secure(options, identity, EnumSet.of(Role.NODE));
        return options.setUseAlpn(true).setProtocolVersion(HttpVersion.HTTP_2).setVerifyHost(false);
    }

    private static void secure(TCPSSLOptions options, LiveIdentity identity, Set<Role> peers) {
        options.setSsl(true)
                .setEnabledSecureTransportProtocols(PROTOCOLS)
                .setKeyCertOptions(KeyCertOptions.wrap(identity.keys()))
                .setTrustOptions(TrustOptions.wrap(identity.peers(peers)));
        if (OpenSSLEngineOptions.isAvailable()) {
            options.setSslEngineOptions(new OpenSSLEngineOptions().setSessionCacheEnabled(false));
        }
    }
}
