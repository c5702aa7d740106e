package io.varve.cli.command;

import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.config.RestartConfig.Network;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.IdentityDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve cluster create-ca}: before anything runs. */
@Command(
        name = "create-ca",
        description = {
            "On the first node, before it is started: makes the cluster's certificate authority and the node's own certificate, in its data",
            "directory. Run it as the user that runs the node. Other nodes are let in with 'varve node token'; those that are on this same",
            "machine get their certificates at once when their configurations are named too."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve cluster create-ca --config /etc/varve/node.yaml",
            "  varve cluster create-ca --config n1.yaml --config n2.yaml --config n3.yaml     all on this machine",
        })
final class CreateCaCommand implements Runnable {
    @Option(
            names = "--config",
            required = true,
            paramLabel = "FILE",
            description = "The node's configuration; several for several nodes here.")
    private List<Path> files = List.of();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var nodes = new ArrayList<NodeConfig>();
        for (var file : files) {
            nodes.add(read(file));
        }
        for (var node : nodes) {
            demandUnused(node);
        }
        var authority = CertificateAuthority.create(nodes.getFirst().fixed().cluster(), Instant.now());
        try {
            for (var node : nodes) {
                equip(node, authority);
            }
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.FAILED, "cannot write the certificates: " + e.getMessage(), "");
        }
        say(nodes, authority);
    }

    private static NodeConfig read(Path file) {
        try {
            return switch (ConfigFile.read(file)) {
                case ConfigResult.Loaded(var config) -> config;
                case ConfigResult.Rejected(var problems) ->
                    throw new CommandFailure(
                            ExitCode.USAGE,
                            file + " cannot be used: " + problems.getFirst(),
                            "'varve server --check' names all of its mistakes.");
            };
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.USAGE, "cannot read " + file + ": " + e, "");
        }
    }

    /** A second authority beside the first would split the cluster. */
    private static void demandUnused(NodeConfig node) {
        var directory = IdentityDirectory.of(node.dataDir());
        if (node.restart().security().network() == Network.PLAINTEXT) {
            throw new CommandFailure(
                    ExitCode.USAGE,
                    "node " + node.fixed().node() + " has 'network: plaintext': it uses no certificates",
                    "Say 'network: tls' in its configuration.");
        }
        if (directory.hasAuthority() || directory.hasIdentity()) {
            throw new CommandFailure(
                    ExitCode.FAILED,
                    "node " + node.fixed().node() + " has certificates already, in " + directory.path()
                            + ": nothing was changed",
                    "A cluster has one authority. Other nodes get in with 'varve node token NAME'.");
        }
    }

    private static void equip(NodeConfig node, CertificateAuthority authority) throws IOException {
        var directory = IdentityDirectory.of(node.dataDir());
        if (node.isMetadataMember()) {
            directory.writeAuthorityKey(authority.key());
        }
        directory.issue(
                authority,
                node.fixed().node(),
                Instant.now(),
                node.restart().security().lifetime());
    }

    private void say(List<NodeConfig> nodes, CertificateAuthority authority) {
        var out = RootCommand.of(spec).out();
        out.println("Made the authority of cluster " + nodes.getFirst().fixed().cluster() + ", SHA-256 "
                + CertificateAuthority.fingerprint(authority.certificate()));
        for (var node : nodes) {
            out.println("  node " + node.fixed().node() + ": "
                    + IdentityDirectory.of(node.dataDir()).path());
        }
        var admin = IdentityDirectory.of(nodes.getFirst().dataDir()).admin();
        out.println(
                "Next: start it (varve server); for each other node 'varve node token NAME'; then 'varve cluster init "
                        + nodes.getFirst().fixed().cluster() + "'.");
        out.println("The command line finds its credentials in " + admin
                + (io.varve.cli.client.Credentials.usualPlaces().contains(admin)
                        ? " by itself."
                        : ": export VARVE_CREDENTIALS=" + admin));
        out.flush();
    }
}
