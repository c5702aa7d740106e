package io.varve.cli.command;

/** Asks the person at the terminal. */
public final class Question {
    private Question() {}

    /** True when a person typed {@code y} or {@code yes}; false without a terminal, because nobody was asked. */
    public static boolean confirmed(String question) {
        return RootCommand.terminal()
                .map(console -> console.readLine("%s [y/N] ", question))
                .filter(answer -> answer.equalsIgnoreCase("y") || answer.equalsIgnoreCase("yes"))
                .isPresent();
    }
}
