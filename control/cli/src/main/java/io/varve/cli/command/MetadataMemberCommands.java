package io.varve.cli.command;

import io.varve.api.ChangeMetadataMembersRequest;
import io.varve.api.ManagementGrpcClient;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve metadata replace}, {@code add} and {@code remove}: who is in the metadata group. */
final class MetadataMemberCommands {
    private MetadataMemberCommands() {}

    private static void change(RootCommand root, ChangeMetadataMembersRequest.Builder request) {
        root.print(root.ask(ManagementGrpcClient.ChangeMetadataMembers, request.build()), MetadataCommand::describe);
    }

    @Command(
            name = "replace",
            description = {
                "Has another node take a member's place in the metadata group, whether that member is there or not. Answers when it has begun; varve metadata show tells the rest.",
                "A member whose node is drained, or silent for longer than metadata.grace, or which has lost its storage, is replaced without it."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve metadata replace n3", "  varve metadata replace n3 n5"})
    static final class Replace implements Runnable {
        @Parameters(index = "0", paramLabel = "MEMBER", description = "The node that is a member, and is to be none.")
        private String member = "";

        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "NODE",
                description = "The node that takes its place. Left out: one in another zone, if there is one.")
        private String node = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var request = ChangeMetadataMembersRequest.newBuilder().addRemove(member);
            change(RootCommand.of(spec), node.isEmpty() ? request.setChoose(true) : request.addAdd(node));
        }
    }

    @Command(
            name = "add",
            description =
                    "Takes nodes into the metadata group: two, so that three members become five. To have the nodes chosen, say varve cluster set metadata.members=5.",
            footerHeading = "%nExamples:%n",
            footer = "  varve metadata add n4 n5")
    static final class Add implements Runnable {
        @Parameters(arity = "1..*", paramLabel = "NODE", description = "Nodes that are no members.")
        private List<String> nodes = new ArrayList<>();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            change(
                    RootCommand.of(spec),
                    ChangeMetadataMembersRequest.newBuilder().addAllAdd(nodes));
        }
    }

    @Command(
            name = "remove",
            description =
                    "Takes members out of the metadata group: two of five. They stay nodes of the cluster. To have them chosen, say varve cluster set metadata.members=3.",
            footerHeading = "%nExamples:%n",
            footer = "  varve metadata remove n4 n5")
    static final class Remove implements Runnable {
        @Parameters(arity = "1..*", paramLabel = "MEMBER", description = "Nodes that are members.")
        private List<String> nodes = new ArrayList<>();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            change(
                    RootCommand.of(spec),
                    ChangeMetadataMembersRequest.newBuilder().addAllRemove(nodes));
        }
    }
}
