package io.varve.cli.command;

import io.varve.api.ApiToken;
import io.varve.api.CreateTokenRequest;
import io.varve.api.CreatedToken;
import io.varve.api.ListTokensRequest;
import io.varve.api.ListTokensResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RevokeTokenRequest;
import io.varve.cli.output.Table;
import io.varve.identity.Pem;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve token …}. */
@Command(
        name = "token",
        description = "API tokens: what people and programs show the management API that are not root on a node.",
        subcommands = {TokenCommand.Create.class, TokenCommand.ListTokens.class, TokenCommand.Revoke.class},
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve token create ann --role admin >ann.credentials",
            "  varve token list",
            "  varve token revoke ann"
        })
final class TokenCommand extends GroupCommand {
    @Command(
            name = "create",
            description = {
                "Makes a token and prints a credentials file with it, this once: only its hash is kept.",
                "Roles: admin does everything; csi makes, attaches, moves and deletes volumes; read-only looks."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  (umask 077; varve token create ann --role admin >ann.credentials)",
                "  varve status --credentials ann.credentials",
                "  varve token create probe --role read-only --valid 365d",
            })
    static final class Create implements Runnable {
        @Parameters(paramLabel = "NAME", description = "Who or what will show it; appears in the log of changes.")
        private String name = "";

        @Option(names = "--role", required = true, paramLabel = "ROLE", description = "admin, csi or read-only.")
        private String role = "";

        @Option(
                names = "--valid",
                paramLabel = "TIME",
                description = "How long it is good, for example 90d. Default: until revoked.")
        private @Nullable Duration valid;

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var request = CreateTokenRequest.newBuilder()
                    .setName(name)
                    .setRole(role)
                    .setValidSeconds(valid == null ? 0 : valid.toSeconds())
                    .build();
            root.print(root.ask(ManagementGrpcClient.CreateToken, request), Create::file);
        }

        private static String file(CreatedToken created) {
            var text = new StringBuilder("# Varve credentials: ")
                    .append(created.getToken().getRole())
                    .append(' ')
                    .append(created.getToken().getName())
                    .append(". Keep this file to yourself (chmod 600).\ntoken: ")
                    .append(created.getSecret())
                    .append('\n');
            created.getAuthoritiesList().forEach(der -> text.append(Pem.encode(Pem.certificate(der.toByteArray()))));
            return text.toString();
        }
    }

    @Command(
            name = "list",
            description = "Tokens, their roles and how long they are good.",
            footerHeading = "%nExamples:%n",
            footer = "  varve token list -o json")
    static final class ListTokens implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(ManagementGrpcClient.ListTokens, ListTokensRequest.getDefaultInstance()),
                    ListTokens::table);
        }

        private static String table(ListTokensResponse tokens) {
            var table = Table.of("TOKEN", "ROLE", "MADE", "ENDS");
            for (ApiToken token : tokens.getTokensList()) {
                table.row(
                        token.getName(),
                        token.getRole(),
                        Instant.ofEpochMilli(token.getCreatedUnixMillis()).toString(),
                        token.getExpiresUnixMillis() == 0
                                ? "when revoked"
                                : Instant.ofEpochMilli(token.getExpiresUnixMillis())
                                        .toString());
            }
            return RootCommand.tableOr(table, "There are no tokens.");
        }
    }

    @Command(
            name = "revoke",
            description = "Takes a token back: who shows it is refused from now on.",
            footerHeading = "%nExamples:%n",
            footer = "  varve token revoke ann")
    static final class Revoke implements Runnable {
        @Parameters(paramLabel = "NAME", description = "The token's name.")
        private String name = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(
                            ManagementGrpcClient.RevokeToken,
                            RevokeTokenRequest.newBuilder().setName(name).build()),
                    done -> "Token " + name + " is revoked.\n");
        }
    }
}
