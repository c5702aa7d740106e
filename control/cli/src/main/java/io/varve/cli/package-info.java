/**
 * The one program {@code varve}: command line, node process, demo. {@link io.varve.cli.Main} picks the command; the
 * packages below do not know each other except that {@code command}, {@code server} and {@code demo} use {@code client},
 * {@code config}, {@code log} and {@code output}, and {@code server} and {@code demo} what all commands share in {@code command}.
 */
@NullMarked
package io.varve.cli;

import org.jspecify.annotations.NullMarked;
