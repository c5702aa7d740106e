/**
 * The truth as a pure function: {@link io.varve.control.meta.MetaRules#apply} takes the state (an ordered map of byte
 * strings), a command and its index, and answers a result. No clock, no thread, no random, no I/O but the map it is given, so
 * that every member of the metadata group computes the same. What is stored, and the rules, are on the page
 * docs/internals/metadata.md. May use the generated messages and {@code io.varve.model}.
 */
@NullMarked
package io.varve.control.meta;

import org.jspecify.annotations.NullMarked;
