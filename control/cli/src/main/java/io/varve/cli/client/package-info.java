/**
 * The client of the management API: one connection for each server named, calls with a time limit, and answers as values
 * ({@link io.varve.cli.client.CallResult}). Knows nothing of commands and tables.
 */
@NullMarked
package io.varve.cli.client;

import org.jspecify.annotations.NullMarked;
