package io.varve.cli.server;

import io.varve.api.AddDiskRequest;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigValues;
import io.varve.model.ByteSize;
import java.util.Optional;

/** What a device that is added to a running node must keep to: the same as one in the configuration file. Pure. */
final class AddedDevice {
    private AddedDevice() {}

    /** Empty when it may be tried; else what is wrong, for people. */
    static Optional<String> objection(AddDiskRequest request) {
        try {
            ConfigValues.name(request.getGroup());
            ConfigValues.absolutePath(request.getPath());
            if (request.getCreateBytes() != 0) {
                ConfigFile.deviceSize(bytes(request.getCreateBytes()));
            }
            if (request.getJournalBytes() != 0) {
                ConfigValues.journal(bytes(request.getJournalBytes()));
            }
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** What is above 8 EiB comes as a negative number. */
    private static String bytes(long unsigned) {
        return unsigned < 0 ? Long.toUnsignedString(unsigned) : new ByteSize(unsigned).toString();
    }
}
