/**
 * Logging: one event per line, {@code what happened key=value}. Commands log nothing but errors, to standard error; a
 * node's process logs what its configuration says, to standard output and a file.
 */
@NullMarked
package io.varve.cli.log;

import org.jspecify.annotations.NullMarked;
