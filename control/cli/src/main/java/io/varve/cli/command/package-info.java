/**
 * The commands: each class is one word of the command line and shows its answer. What fails ends as a
 * {@link io.varve.cli.command.CommandFailure} with an {@link io.varve.cli.command.ExitCode} and a message that says what
 * was wrong and what to do.
 */
@NullMarked
package io.varve.cli.command;

import org.jspecify.annotations.NullMarked;
