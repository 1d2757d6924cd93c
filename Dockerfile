# The same package list as scripts/toolbox, for those who prefer containers:
#   docker build -t sarai . && docker run --rm --network host -v ./models:/models sarai serve --config /models/sarai.yaml
# The host's network, because sarai listens on loopback only.
FROM debian:forky AS build
COPY scripts/packages.txt scripts/toolbox /src/scripts/
RUN apt-get update && apt-get install -y --no-install-recommends $(/src/scripts/toolbox packages build)
COPY . /src
WORKDIR /src
RUN SARAI_TOOLBOX=host scripts/build release
ENV PATH=/src/build/release/bin:$PATH
EXPOSE 11435
ENTRYPOINT ["sarai"]
CMD ["demo"]
