/** What commands print: tables for people, JSON and YAML for scripts, progress on a terminal. Pure but for the writer given. */
@NullMarked
package io.varve.cli.output;

import org.jspecify.annotations.NullMarked;
