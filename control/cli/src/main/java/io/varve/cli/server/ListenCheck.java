package io.varve.cli.server;

import io.varve.cli.config.Endpoint;
import io.varve.cli.config.NodeConfig;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Tries every address that a node will listen on before the node starts anything: each of the servers behind them would fail in its
 * own words, some of them after the others began to serve.
 */
final class ListenCheck {
    private ListenCheck() {}

    /** Empty when all are free; else one line that names the key, the address and the reason. */
    static Optional<String> obstacle(NodeConfig config) {
        for (var listen : addresses(config).entrySet()) {
            var reason = refusal(listen.getValue());
            if (reason.isPresent()) {
                return Optional.of(
                        "cannot listen on " + listen.getValue() + " (" + listen.getKey() + "): " + reason.get());
            }
        }
        return Optional.empty();
    }

    /** By the key that says so. The first port of those that have one for each event loop. */
    private static Map<String, Endpoint> addresses(NodeConfig config) {
        var listen = config.restart().listen();
        var addresses = new LinkedHashMap<String, Endpoint>();
        addresses.put("listen.management", listen.management());
        addresses.put("listen.peer", listen.peer());
        if (config.isMetadataMember()) {
            config.fixed().members().stream()
                    .filter(member -> member.node().equals(config.fixed().node()))
                    .forEach(self -> addresses.put("metadata.members[].raft", self.raft()));
        }
        addresses.put("listen.nbd", listen.nbd());
        addresses.put("listen.metrics", listen.metrics());
        listen.membership().ifPresent(membership -> addresses.put("listen.membership", membership));
        return addresses;
    }

    private static Optional<String> refusal(Endpoint address) {
        var socketAddress = new InetSocketAddress(address.host(), address.port());
        if (socketAddress.isUnresolved()) {
            return Optional.of("the host is not known");
        }
        try (var socket = new ServerSocket()) {
            socket.bind(socketAddress);
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }
}
