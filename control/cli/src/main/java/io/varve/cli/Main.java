package io.varve.cli;

import io.varve.cli.command.RootCommand;

/** The program {@code varve}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(RootCommand.commandLine().execute(arguments));
    }
}
