package io.varve.cli.command;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve help}: of a command what its {@code --help} says; and what concerns all of them. */
@Command(
        name = "help",
        description = {"Explains a command, as its --help does, or a matter that concerns many: credentials."},
        footerHeading = "%nExamples:%n",
        footer = {"  varve help credentials", "  varve help volume create"})
final class HelpCommand implements Runnable {
    private static final String CREDENTIALS = """
            Credentials: who you are, and that the servers are yours

            With network: tls, the default, every server asks who calls, and every caller checks that the server belongs to its
            cluster. Both stand in one file of PEM text: the cluster's authority, and either a certificate with its key or the
            line "token: TEXT". It must be readable by you alone (chmod 600).

            Where a command looks, in this order:
              1. --credentials FILE; 'none' for a cluster with network: plaintext
              2. the environment's VARVE_CREDENTIALS
              3. ~/.varve/credentials
              4. /var/lib/varve/tls/admin.pem, which every node of a cluster has for its root (DATADIR/tls/admin.pem)
              5. without any of them it shows nothing, and speaks plaintext

            Where to get one:
              On a node, as root: DATADIR/tls/admin.pem is there already, with the role admin.
              For a person or a program elsewhere, on a node:
                varve token create backup --role read-only > backup.credentials
              and take the file there. Roles: read-only (looks), csi (makes, attaches and deletes volumes), admin (everything).
              varve token list and varve token revoke NAME look after them.

            What a refusal means:
              "show a certificate of this cluster or an API token"    nothing was shown: 1 to 4 found no file
              "the API token is not known here"                       revoked, ended, or of another cluster
              "...needs the role..."                                  the token's role is too small for that command
              a certificate that is not trusted                       the file is of another cluster, or the server is not yours

            docs/operating/security.md tells the whole.
            """;

    @Parameters(
            arity = "0..*",
            paramLabel = "COMMAND",
            description = "A command, with its subcommand, or 'credentials'.")
    private List<String> words = List.of();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var out = RootCommand.of(spec).out();
        if (words.equals(List.of("credentials"))) {
            out.print(CREDENTIALS);
        } else {
            command().usage(out);
        }
        out.flush();
    }

    private CommandLine command() {
        var found = spec.root().commandLine();
        for (var word : words) {
            var next = found.getSubcommands().get(word);
            if (next == null) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(),
                        "there is no command '" + String.join(" ", words)
                                + "' and no help of that name: 'varve help' lists"
                                + " the commands, 'varve help credentials' tells how to show who you are.");
            }
            found = next;
        }
        return found;
    }
}
