package io.varve.cli.command;

import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A word that only gathers commands: says which there are when it stands alone. */
abstract sealed class GroupCommand implements Runnable
        permits ClusterCommand, NodeCommand, DiskCommand, RebuildCommand, VolumeCommand, TokenCommand, MetadataCommand {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(),
                "Say what to do: " + String.join(", ", spec.subcommands().keySet()) + ".");
    }
}
