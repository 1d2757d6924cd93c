# For cpack, with an environment by scripts/package: SARAI_ROOT is the file system as the package shall have it, SARAI_CONTROL its scripts.
set(CPACK_GENERATOR DEB)
set(CPACK_INSTALL_CMAKE_PROJECTS "")
set(CPACK_INSTALLED_DIRECTORIES "$ENV{SARAI_ROOT};/")
set(CPACK_PACKAGING_INSTALL_PREFIX "/")
set(CPACK_PACKAGE_NAME sarai)
set(CPACK_PACKAGE_VERSION $ENV{SARAI_VERSION})
set(CPACK_PACKAGE_FILE_NAME sarai)
set(CPACK_TOPLEVEL_TAG linux)
set(CPACK_PACKAGE_VENDOR sarai)
set(CPACK_PACKAGE_CONTACT "the sarai project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "several language models at once, under one memory budget")
set(CPACK_PACKAGE_DESCRIPTION
    "One daemon runs small models in workers of llama.cpp's server and asks others on the network, plans memory before it loads,
answers from a local fallback when a server dies, and speaks the APIs of OpenAI, Ollama and Anthropic.

It carries its own libraries, the C library among them.")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "the sarai project <sarai@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Nothing is needed that is not carried. Programs that are run where they are there:
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ffmpeg, espeak-ng, poppler-utils, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "$ENV{SARAI_CONTROL}/postinst;$ENV{SARAI_CONTROL}/prerm;$ENV{SARAI_CONTROL}/postrm;$ENV{SARAI_CONTROL}/conffiles")
set(CPACK_STRIP_FILES OFF)
set(CPACK_DEBIAN_COMPRESSION_TYPE $ENV{SARAI_DEB_COMPRESSION})
